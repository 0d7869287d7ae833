// How well the host's clock keeps time. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_timex(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
