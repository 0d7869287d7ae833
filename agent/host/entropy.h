// The random number generator's pool. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_entropy(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
