// Whether SELinux is there, and enforces. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"

namespace notch::agent {

CollectResult collect_selinux(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
