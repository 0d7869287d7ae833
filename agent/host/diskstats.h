// The work of block devices. Called by: collector_table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"
#include "agent/host/name_filter.h"

namespace notch::agent {

// A line of /proc/diskstats. Older kernels tell fewer numbers.
struct DiskCounts {
  static constexpr std::size_t kNumbers = 17;

  std::string_view major;
  std::string_view minor;
  std::string_view device;
  std::array<std::uint64_t, kNumbers> numbers{};
  std::size_t count = 0;  // of `numbers`
};
// Lines of fewer than 11 numbers are left out.
std::vector<DiskCounts> parse_diskstats(std::string_view text);

CollectResult collect_diskstats(HostFiles& files, FamilyList& families, const NameFilter& filter);

}  // namespace notch::agent
