// How long tasks ran and waited to run, by processor, where the kernel counts it. Called by:
// collector_table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"

namespace notch::agent {

struct CpuSchedule {
  std::string_view cpu;  // its number, in the text
  std::uint64_t running_ns = 0;
  std::uint64_t waiting_ns = 0;
  std::uint64_t timeslices = 0;
};
// The lines cpuN of /proc/schedstat that are whole.
std::vector<CpuSchedule> parse_schedstat(std::string_view text);

CollectResult collect_schedstat(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
