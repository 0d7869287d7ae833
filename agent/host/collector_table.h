// The table of the host's collectors: what `collect[]`, `exclude[]` and --host.collectors name.
// Called by: host_collectors, options.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "agent/host/host_collector.h"
#include "agent/host/host_options.h"

namespace notch::agent {

struct HostCollectorEntry {
  std::string_view name;
  std::unique_ptr<HostCollector> (*make)(const HostOptions&);
};

// In the order of their names.
std::span<const HostCollectorEntry> host_collector_table();

}  // namespace notch::agent
