// The cgroup by which a process's processor time is accounted, from its /proc/PID/cgroup.
// Called by: cpu_probe.
#pragma once

#include <string>
#include <string_view>

namespace notch::ebpf {

// The text of such a file; empty where it cannot be read, for example because the process ends between
// the opening and the reading.
std::string read_proc_cgroup(const std::string& path);

// True if the cpu controller is in a cgroup v1 hierarchy of its own.
bool has_cpu_hierarchy(std::string_view proc_cgroup);

// The path in that hierarchy, else in the v2 tree. Empty if the text has none; a process that is gone
// has none either. Source of the format: cgroups(7).
std::string cpu_cgroup_path(std::string_view proc_cgroup);

}  // namespace notch::ebpf
