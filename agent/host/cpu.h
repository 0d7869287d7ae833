// Time of each processor by what it was spent on. Called by: collector_table.
//
// Invariants
//   HP1  No time of a processor falls while it is there. The kernel's idle and iowait are estimates
//        and step back: the larger value stays. Only if idle falls by more than kRestart_s the
//        processor was away and began anew, and so do its times.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

enum class CpuMode : std::uint8_t {
  kUser,
  kNice,
  kSystem,
  kIdle,
  kIowait,
  kIrq,
  kSoftirq,
  kSteal,
  kGuest,  // in user
  kGuestNice,
  kModes,
};
using CpuTimes = std::array<std::uint64_t, static_cast<std::size_t>(CpuMode::kModes)>;  // in ticks

// The lines cpu0, cpu1 ... of /proc/stat by number. A line with fewer than four numbers, or with
// something else among them, is left out; what an old kernel does not tell is zero.
std::map<std::uint64_t, CpuTimes> parse_cpu_times(std::string_view proc_stat);

class CpuCollector : public HostCollector {
 public:
  static constexpr std::uint64_t kRestart_s = 3;

  CpuCollector();
  CollectResult collect(HostFiles& files, FamilyList& families) override;

  // The times to show after the kernel said `now`.
  const std::map<std::uint64_t, CpuTimes>& follow(const std::map<std::uint64_t, CpuTimes>& now);

 private:
  const std::uint64_t ticks_per_s_;
  std::map<std::uint64_t, CpuTimes> shown_;
};

}  // namespace notch::agent
