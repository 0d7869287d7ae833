// What the command line says of the host's figures.
// Made by: options. Called by: host_collectors, daemon.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/host/host_paths.h"

namespace notch::agent {

struct HostOptions {
  HostPaths paths;
  std::string prefix = "node_";         // of the collectors' families
  std::vector<std::string> collectors;  // those that run
  std::uint64_t interval_s = 15;        // over which otlp_system_cpu_usage_percent is measured
  std::uint32_t mount_timeout_ms = 50;  // how long a scrape waits for the file systems in all
};

}  // namespace notch::agent
