// Parses a process's cgroup file and a cgroup's own files; cgroup v1 and v2.
// Called by: cgroup_figures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace notch::agent {

// The paths of /proc/PID/cgroup that figures are read from; empty where the host has no such
// hierarchy. On a hybrid host `unified` is there beside the others.
struct CgroupPaths {
  std::string unified;  // v2, the line 0::
  std::string cpu;      // v1
  std::string cpuacct;
  std::string memory;

  auto operator<=>(const CgroupPaths&) const = default;
};
// Paths that do not begin with / or go up (/..: of another cgroup namespace) are left out.
CgroupPaths parse_cgroup_paths(std::string_view text);

// The number behind `key` in a file of lines `key number`.
std::optional<std::uint64_t> keyed_number(std::string_view text, std::string_view key);

}  // namespace notch::agent
