// Properties of network devices. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_netclass(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
