// The host's processor, memory and task figures of the OTLP dashboards: three gauges, sampled at an
// interval, so that the processor's share is of a known time. Called by: collector_table.
//
// Invariants
//   HF1  What /proc did not tell is left out, not shown as zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/host/host_collector.h"

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

class OtlpSystemCollector : public HostCollector {
 public:
  // The processor's figure is the share of the time since the sample before, so the first sample
  // gives none. Cost: three small files, about 30 us.
  void sample(HostFiles& files) override;

  CollectResult collect(HostFiles& files, FamilyList& families) override;

 private:
  std::optional<CpuTicks> ticks_;
  std::optional<double> cpu_percent_;
  std::optional<std::uint64_t> memory_used_bytes_;
  std::optional<std::uint64_t> tasks_;
};

}  // namespace notch::agent
