// Packets the processors took from the network, and could not. Called by: collector_table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"

namespace notch::agent {

struct CpuPackets {
  std::uint64_t cpu = 0;
  std::uint64_t processed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t squeezed = 0;  // times the budget was used up
};
// Of /proc/net/softnet_stat: a line per processor, in hexadecimal; since Linux 5.10 with its
// number.
std::vector<CpuPackets> parse_softnet(std::string_view text);

CollectResult collect_softnet(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
