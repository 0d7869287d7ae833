// How fast the processors are clocked. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_cpufreq(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
