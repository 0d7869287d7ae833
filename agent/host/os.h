// The distribution. Called by: collector_table.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// Parses os-release: values by their names, without the quotes.
std::map<std::string, std::string, std::less<>> parse_os_release(std::string_view text);
// The number a version begins with, as 12 or 22.04; nothing if it begins with none.
std::optional<double> leading_version(std::string_view version);

CollectResult collect_os(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
