// Where the host's file systems are seen: elsewhere than at / when the agent is in a container that
// has them mounted, or reads a fixture.
// Made by: options. Called by: cgroup_figures, host_files, host_options.
#pragma once

#include <string>

namespace notch::agent {

struct HostPaths {
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string rootfs = "/";
};

}  // namespace notch::agent
