// The services the programs tell apart, and which process belongs to which.
// Called by: probes, the probes' families.
//
// Invariants
//   ST1  A slot becomes another service's only when no process id, not even a dead one's, is left
//        in it: whatever still counts for such a one counts as unattached.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ebpf/kernel_object.h"
#include "ebpf/service_slots.h"
#include "ebpf/slot_owners.h"

namespace notch::ebpf {

class ServiceTable {
 public:
  // Makes the table in the kernel. Without the hook at fork, children of a service are not its own
  // until the agent says so.
  Outcome start();

  struct Change {
    std::uint8_t from = 0;
    std::uint8_t to = 0;
  };
  // Which slot a service has; one becomes its own if need be.
  SlotOwners::Slot slot_for(std::string_view service) { return owners_.slot_for(service); }

  // What `assign` would change. `pid` is the process's in the kernel's first PID namespace.
  Change change_of(std::uint32_t pid, std::uint8_t slot) const;

  // Cost: a store in memory.
  void assign(std::uint32_t pid, std::uint8_t slot);

  // Slots that can be given back; none while there are plenty, or where children are not seen. Cost
  // otherwise: an iteration over the host's tasks, every kLookInterval_s at most.
  std::vector<std::uint8_t> quiet_slots(std::uint64_t now_s);

  // No process id is in the slot any more. Cost: reads the table, a byte for each process id there
  // can be.
  void clear(std::uint8_t slot);

  void rename(const NewNames& names) { owners_.rename(names); }
  std::optional<std::uint8_t> slot_of(std::string_view service) const {
    return owners_.slot_of(service);
  }

  // Any service may have it. REQUIRES: it is clear.
  void free(std::uint8_t slot) { owners_.free(slot); }

  // Whether quiet_slots() can be had with the capabilities that are in force now.
  bool can_look();

  // The `service` label of a slot; empty if nothing uses it.
  const std::string& name_of(std::size_t slot) const { return owners_.name_of(slot); }
  const KernelObject& object() const { return object_; }

 private:
  static constexpr std::uint64_t kLookInterval_s = 5;

  Outcome count_tasks();

  KernelObject object_;
  std::span<service_line> lines_;
  std::span<std::uint64_t> tasks_;  // by slot, as the last iteration found them
  std::vector<std::byte> output_;   // of the iterator: nothing
  SlotOwners owners_;
  std::uint64_t next_look_s_ = 0;
};

}  // namespace notch::ebpf
