// The host's processor, memory and task figures of the OTLP dashboards: three gauges, sampled from
// /proc. Called by: daemon, every 15 s (sample) and per scrape (families).
//
// Invariants
//   HF1  What /proc did not tell is left out, not shown as zero.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace notch::agent {

// The first line of /proc/stat, in ticks. Guest time is part of user time there, and is not added
// again.
struct CpuTicks {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};
std::optional<CpuTicks> parse_cpu_ticks(std::string_view proc_stat);

// MemTotal - MemAvailable of /proc/meminfo, in bytes.
std::optional<std::uint64_t> parse_memory_used_bytes(std::string_view meminfo);

// Processes and threads that exist: the number behind the slash in /proc/loadavg.
std::optional<std::uint64_t> parse_task_count(std::string_view loadavg);

class HostFigures {
 public:
  // Reads /proc. The processor's figure is the share of the time since the sample before, so the
  // first sample gives none. Cost: three small files, about 30 us.
  void sample();

  std::vector<prometheus::MetricFamily> families() const;

 private:
  std::optional<CpuTicks> ticks_;
  std::optional<double> cpu_percent_;
  std::optional<std::uint64_t> memory_used_bytes_;
  std::optional<std::uint64_t> tasks_;
};

}  // namespace notch::agent
