// Bytes and packets by network device. Called by: collector_table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"
#include "agent/host/name_filter.h"

namespace notch::agent {

// A line of /proc/net/dev: eight numbers of what came, eight of what went.
struct DeviceTraffic {
  static constexpr std::size_t kNumbers = 16;

  std::string_view device;
  std::array<std::uint64_t, kNumbers> numbers{};
};
// Lines that have not all the numbers are left out; so are the two of the heading.
std::vector<DeviceTraffic> parse_net_dev(std::string_view text);

CollectResult collect_netdev(HostFiles& files, FamilyList& families, const NameFilter& filter);

}  // namespace notch::agent
