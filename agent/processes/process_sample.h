// The figures of one process, read from /proc at one moment.
// Called by: process_figures.
//
// Invariants
//   PS1  All figures are of the process that was asked for: its number is believed only with its
//        start time, and only if the segment's owner may speak for it (is one of its users, or
//        root). A number given to another process meanwhile reads as gone.
//   PS2  What may not be read, or is not told, is left out.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/processes/attached_process.h"

namespace notch::agent {

enum class ProcessCounter : std::uint8_t {
  kUserTicks,
  kSystemTicks,
  kMinorFaults,
  kMajorFaults,
  kVoluntarySwitches,
  kInvoluntarySwitches,
  kDiskReadBytes,
  kDiskWrittenBytes,
  kCharsRead,
  kCharsWritten,
  kCounters,
};
inline constexpr auto kProcessCounters = static_cast<std::size_t>(ProcessCounter::kCounters);

enum class ProcessGauge : std::uint8_t {
  kResidentBytes,
  kVirtualBytes,
  kThreads,
  kDescriptors,
  kGauges,
};
inline constexpr auto kProcessGauges = static_cast<std::size_t>(ProcessGauge::kGauges);

using CounterValues = std::array<std::optional<std::uint64_t>, kProcessCounters>;
using GaugeValues = std::array<std::optional<std::uint64_t>, kProcessGauges>;

// The kernel keeps context switches by thread and forgets those of threads that end; so they are
// followed thread by thread, and what a thread did after the last sample before its end is lost.
struct ThreadSwitches {
  std::uint64_t tid = 0;
  std::uint64_t voluntary = 0;
  std::uint64_t involuntary = 0;
};
struct SwitchesSoFar {
  std::vector<ThreadSwitches> threads;  // at the last sample, by tid
  std::uint64_t voluntary = 0;
  std::uint64_t involuntary = 0;
};
// Only so many of a process's threads are followed; the others are counted.
inline constexpr std::size_t kMostThreads = 256;

// Adds what the threads did since the last sample. `now` is sorted by tid.
void add_switches(std::vector<ThreadSwitches> now, SwitchesSoFar& so_far);

enum class ProcessOutcome : std::uint8_t {
  kRead,
  kGone,            // no such process, or its number is another's now
  kOtherNamespace,  // of another PID namespace: its number means nothing here
  kOtherOwner,      // the segment's owner may not speak for it
  kUnreadable,      // there, but /proc does not show it to the agent
  kOutcomes,
};
inline constexpr auto kProcessOutcomes = static_cast<std::size_t>(ProcessOutcome::kOutcomes);
using OutcomeCounts = std::array<std::uint64_t, kProcessOutcomes>;

// As used in the `outcome` label; never null.
const char* process_outcome_name(ProcessOutcome outcome) noexcept;

struct ProcessSample {
  ProcessOutcome outcome = ProcessOutcome::kGone;
  bool exited = false;                 // read all the same: nobody has waited for it yet
  std::uint64_t left_out_threads = 0;  // whose context switches are not followed
  CounterValues counters;
  GaugeValues gauges;
};

// Cost: about 15 system calls, and 4 for each thread if there are several.
ProcessSample sample_process(const ProcessClaim& claim, SwitchesSoFar& switches);

}  // namespace notch::agent
