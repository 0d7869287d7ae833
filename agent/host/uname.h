// The kernel's and the host's names, as uname(2) gives them. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_uname(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
