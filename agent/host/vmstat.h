// Page faults, paging, swapping and OOM kills. Called by: collector_table.
#pragma once

#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// A field of /proc/vmstat is shown if it begins with oom_kill, pgpg or pswp, or with pg and holds
// fault behind that.
bool is_shown_vmstat(std::string_view field);

CollectResult collect_vmstat(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
