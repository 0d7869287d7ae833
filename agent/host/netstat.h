// The network protocols' own counters. Called by: collector_table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"
#include "agent/host/name_filter.h"

namespace notch::agent {

struct ProtocolCount {
  std::string_view protocol;  // such as TcpExt
  std::string_view name;      // such as ListenDrops
  std::int64_t value = 0;     // a few are signed: -1 stands for no limit
};
// Parses /proc/net/snmp and netstat: a line of names, then one of numbers. Pairs that do not fit, and
// words that are no numbers, are left out.
std::vector<ProtocolCount> parse_protocol_counts(std::string_view text);
// Parses /proc/net/snmp6: a name and a number on each line.
std::vector<ProtocolCount> parse_protocol_counts_6(std::string_view text);

// The filter is asked for PROTOCOL_NAME.
CollectResult collect_netstat(HostFiles& files, FamilyList& families, const NameFilter& filter);

}  // namespace notch::agent
