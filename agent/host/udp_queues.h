// Bytes that wait in UDP sockets. Called by: collector_table.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

struct UdpQueues {
  std::uint64_t sending_bytes = 0;
  std::uint64_t receiving_bytes = 0;
};
// Parses /proc/net/udp and udp6: the sums over all sockets.
UdpQueues parse_udp_queues(std::string_view text);

CollectResult collect_udp_queues(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
