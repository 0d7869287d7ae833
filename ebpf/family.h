// The metric families that the probes give, as plain values.
// Made by: the probes. Read by: the agent's kernel_figures, which shows them.
//
// Invariants
//   FA1  A family's name stands once in a probe's answer, a row's labels once in its family.
//   FA2  Counters never go backwards while the probe runs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace notch::ebpf {

enum class FamilyType : std::uint8_t { kCounter, kGauge, kHistogram };

using Labels = std::vector<std::pair<std::string, std::string>>;

// Native buckets of schema 2, in seconds: index i holds (2^((i-1)/4), 2^(i/4)]. Ascending, none
// empty.
struct TimeHistogram {
  std::uint64_t zero_count = 0;  // up to kTimeZeroThreshold_s
  double sum_s = 0;
  std::vector<std::pair<std::int32_t, std::uint64_t>> buckets;
};

struct FamilyRow {
  Labels labels;
  double value = 0;         // counters and gauges
  TimeHistogram histogram;  // histograms
};

struct KernelFamily {
  std::string name;  // a counter's ends in _total
  std::string help;
  std::string unit;  // the last word of the name, if it is one
  FamilyType type = FamilyType::kCounter;
  std::vector<FamilyRow> rows;
};

}  // namespace notch::ebpf
