// Page faults, paging, swapping and OOM kills. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"
#include "agent/host/name_filter.h"

namespace notch::agent {

CollectResult collect_vmstat(HostFiles& files, FamilyList& families, const NameFilter& filter);

}  // namespace notch::agent
