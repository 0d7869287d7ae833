// Processor, memory, pressure and OOM kills of the cgroups that attached processes are in.
// Called by: daemon, per scrape.
//
// Invariants
//   CF1  A process's number is believed with its start time. At most kMostProcesses are looked at
//        and kMostCgroups shown; the others are counted.
//   CF2  A figure is of the cgroup in the hierarchy that counts it: v2 where it tells, else v1.
#pragma once

#include <span>

#include "agent/family/snapshot.h"
#include "agent/host/host_drops.h"
#include "agent/host/host_paths.h"
#include "agent/processes/attached_process.h"

namespace notch::agent {

inline constexpr std::size_t kMostProcesses = 256;
inline constexpr std::size_t kMostCgroups = 100;

// Families cgroup_*, with a label cgroup (its path). Cost: a small file per process, a dozen per
// cgroup.
Snapshot cgroup_figures(std::span<const AttachedProcess> attached, const HostPaths& paths,
                        HostDrops& drops);

}  // namespace notch::agent
