// The services that the kernel programs tell apart, and the processes of each.
// Called by: probes, the probes' families.
//
// Invariants
//   ST1  A slot is given to another service only when no process id, not even a dead process's, is left
//        in it. Late counts for such an id go to the unattached.
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
  // The slot of a service; it is given one if it has none.
  SlotOwners::Slot slot_for(std::string_view service) { return owners_.slot_for(service); }

  // What `assign` would change. `pid` is the process's in the kernel's first PID namespace.
  Change change_of(std::uint32_t pid, std::uint8_t slot) const;

  // Cost: a store in memory.
  void assign(std::uint32_t pid, std::uint8_t slot);

  // The slots that can be given back; none while there are plenty, or where the hook at fork is missing.
  // Cost otherwise: an iteration over the host's tasks, every kLookInterval_s at most.
  std::vector<std::uint8_t> quiet_slots(std::uint64_t now_s);

  // Takes every process id out of the slot. Cost: reads the table, a byte for each possible process
  // id.
  void clear(std::uint8_t slot);

  void rename(const NewNames& names) { owners_.rename(names); }
  std::optional<std::uint8_t> slot_of(std::string_view service) const {
    return owners_.slot_of(service);
  }

  // Gives the slot back for any service. REQUIRES: clear() was called.
  void free(std::uint8_t slot) { owners_.free(slot); }

  // True if quiet_slots() works with the capabilities that are in force now.
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
