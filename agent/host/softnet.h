// Packets the processors took from the network, and could not. Called by: collector_table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"

namespace notch::agent {

// A field that an older kernel does not have is empty.
struct CpuPackets {
  std::uint64_t cpu = 0;
  std::optional<std::uint64_t> processed;
  std::optional<std::uint64_t> dropped;
  std::optional<std::uint64_t> squeezed;  // times the budget was used up
  std::optional<std::uint64_t>
      collisions;  // times a device's lock was held by another; no driver's of today
  std::optional<std::uint64_t> steered;  // times another processor woke this one for its packets
  std::optional<std::uint64_t> flow_limited;
  std::optional<std::uint64_t> waiting;  // packets, now; since Linux 5.10
};
// Parses /proc/net/softnet_stat: a line per processor, in hexadecimal; since Linux 5.10 with the
// processor's number.
std::vector<CpuPackets> parse_softnet(std::string_view text);

CollectResult collect_softnet(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
