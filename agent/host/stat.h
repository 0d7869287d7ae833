// The kernel's counts since the host started: interrupts, switches, forks. Called by:
// collector_table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// Parses /proc/stat. Figures that are not in it are left out.
struct KernelCounts {
  std::optional<std::uint64_t> interrupts;
  std::optional<std::uint64_t> context_switches;
  std::optional<std::uint64_t> forks;
  std::optional<std::uint64_t> boot_time_unix_s;
  std::optional<std::uint64_t> running;
  std::optional<std::uint64_t> blocked;
};
KernelCounts parse_kernel_counts(std::string_view proc_stat);

CollectResult collect_stat(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
