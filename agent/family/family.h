// A metric family as the agent knows it, wherever it comes from.
// Called by: tally, ledger, exposition, the agent's own sources.
//
// Invariants
//   FM1  `name` is the name samples carry in text 0.0.4 without _bucket/_sum/_count: a counter's
//        ends in _total. It and the label names match the Prometheus rules; `help` is valid
//        UTF-8.
//   FM2  `bounds` is finite and strictly increasing, empty unless a classic histogram.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace notch::agent {

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram, kNativeHistogram, kUnknown };

// How a row's slots hold numbers.
enum class Number : std::uint8_t { kUnsigned, kSigned, kFloat };

// How the gauges of several processes become one.
enum class Combine : std::uint8_t { kSum, kMin, kMax, kLast, kEach };

// No user: what the agent shows of its own, and rows of a ledger that did not say whose they are.
inline constexpr std::uint32_t kUnknownOwner = 0xFFFFFFFF;

struct Family {
  std::string name;
  std::string help;
  std::string unit;
  MetricType type = MetricType::kCounter;
  Number number = Number::kUnsigned;
  Combine combine = Combine::kSum;
  std::int8_t schema = 0;                   // native histograms: -4..8
  double zero_threshold = 0;                // native histograms
  std::vector<double> bounds;               // classic histograms, without +Inf
  std::uint32_t owner_uid = kUnknownOwner;  // of the segment's file that defined it

  bool operator==(const Family&) const = default;
};

constexpr bool is_histogram(const Family& family) noexcept {
  return family.type == MetricType::kHistogram || family.type == MetricType::kNativeHistogram;
}

}  // namespace notch::agent
