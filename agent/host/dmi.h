// The machine as its firmware describes it. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_dmi(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
