// The agent's own process_* figures, by the names every Prometheus client uses.
// Called by: agent_metrics.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace notch::agent {

// process_cpu_seconds_total, _resident_memory_bytes, _virtual_memory_bytes, _open_fds, _max_fds,
// _threads, _start_time_seconds; what /proc does not tell is left out. Cost: about 50 us.
std::vector<prometheus::MetricFamily> own_process_families();

}  // namespace notch::agent
