// Load averages. Called by: collector_table.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// Parses /proc/loadavg: the load over 1, 5 and 15 minutes.
std::optional<std::array<double, 3>> parse_loadavg(std::string_view text);

CollectResult collect_loadavg(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
