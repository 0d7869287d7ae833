// The services the programs tell apart, and which process belongs to which.
// Called by: probes, the probes' families.
//
// Invariants
//   ST1  A service keeps its slot as long as the agent runs: what it counted stays its own. When
//        the slots are used up, further services share the last one.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ebpf/kernel_object.h"
#include "ebpf/service_slots.h"

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

  // `pid` is the process's in the kernel's first PID namespace. Cost: a look-up, a store in memory.
  Change assign(std::uint32_t pid, std::string_view service);

  // The `service` label of a slot; empty if nothing uses it yet.
  const std::string& name_of(std::size_t slot) const { return names_[slot]; }

  const KernelObject& object() const { return object_; }

 private:
  std::uint8_t slot_for(std::string_view service);

  KernelObject object_;
  std::span<service_line> lines_;
  std::array<std::string, NOTCH_SERVICE_SLOTS> names_{"(unattached)"};
  std::map<std::string, std::uint8_t, std::less<>> slots_;
};

}  // namespace notch::ebpf
