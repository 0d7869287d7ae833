// The host's clock, its time zone and its clock sources. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_time(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
