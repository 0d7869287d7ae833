// Sockets in use, by protocol. Called by: collector_table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"

namespace notch::agent {

struct SocketCount {
  std::string_view protocol;  // such as TCP
  std::string_view state;     // such as inuse, or mem
  std::uint64_t count = 0;
};
// Parses /proc/net/sockstat and sockstat6: a protocol, then words and numbers in turn.
std::vector<SocketCount> parse_sockstat(std::string_view text);

CollectResult collect_sockstat(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
