// For how long tasks waited for the processor, memory, input and output: pressure stall
// information. Called by: collector_table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// Parses a file of /proc/pressure, or a cgroup's: the microseconds in which some task waited, and in
// which all did.
struct PressureTotals {
  std::optional<std::uint64_t> some_us;
  std::optional<std::uint64_t> full_us;
};
PressureTotals parse_pressure(std::string_view text);

CollectResult collect_pressure(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
