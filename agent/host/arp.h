// Neighbours known, by network device. Called by: collector_table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "agent/host/host_collector.h"
#include "agent/host/name_filter.h"

namespace notch::agent {

// Parses /proc/net/arp: the number of lines that name each device.
std::map<std::string, std::uint64_t, std::less<>> parse_arp(std::string_view text);

CollectResult collect_arp(HostFiles& files, FamilyList& families, const NameFilter& filter);

}  // namespace notch::agent
