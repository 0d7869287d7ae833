// Tracked connections of the packet filter. Called by: collector_table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// Parses /proc/net/stat/nf_conntrack: each column's sum over the processors, by its name.
std::map<std::string, std::uint64_t, std::less<>> parse_conntrack_stat(std::string_view text);

CollectResult collect_conntrack(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
