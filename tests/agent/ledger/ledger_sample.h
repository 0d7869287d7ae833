// One family of each kind, and a change of each that is easy to check: what the ledger's tests
// write. Called by: tests/agent/ledger_*_test.cc, the crash test's child, the fuzz seeds.
#pragma once

#include <libdeflate.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "agent/ledger/ledger_frame.h"
#include "agent/ledger/ledger_values.h"

namespace notch::agent::sample {

inline std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}
inline std::uint64_t gauge_bits(double value) {
  return ~bits(value);
}

inline Family make_family(const std::string& name, MetricType type, Number number,
                          Combine combine = Combine::kSum) {
  Family family;
  family.name = name;
  family.help = "Help of " + name + ".";
  family.type = type;
  family.number = number;
  family.combine = combine;
  return family;
}

// In the order of the ids the tests use.
enum SampleFamily : std::uint32_t {
  kCount = 0,
  kSeconds,
  kLatency,
  kNative,
  kUpDown,
  kLastGauge,
  kSumGauge,
  kMinGauge,
  kMaxGauge,
  kFamilies,
};

inline std::vector<Family> families() {
  std::vector<Family> all;
  all.push_back(make_family("requests_total", MetricType::kCounter, Number::kUnsigned));
  all.push_back(make_family("busy_seconds_total", MetricType::kCounter, Number::kFloat));
  all.push_back(make_family("latency_seconds", MetricType::kHistogram, Number::kUnsigned));
  all.back().unit = "seconds";
  all.back().bounds = {0.1, 1, 10};
  all.push_back(make_family("size_bytes", MetricType::kNativeHistogram, Number::kUnsigned));
  all.back().schema = 3;
  all.back().zero_threshold = 1e-128;
  all.push_back(make_family("in_flight", MetricType::kGauge, Number::kSigned));
  all.push_back(make_family("config_age", MetricType::kGauge, Number::kFloat, Combine::kLast));
  all.push_back(make_family("queue_length", MetricType::kGauge, Number::kFloat, Combine::kSum));
  all.push_back(make_family("free_low", MetricType::kGauge, Number::kFloat, Combine::kMin));
  all.push_back(make_family("used_high", MetricType::kGauge, Number::kFloat, Combine::kMax));
  return all;
}

// A change of row `row` of sample family `family`, larger with `n`. All doubles are multiples of
// 1/4, so that their sums are exact in any order.
inline RowChange make_change(std::uint32_t row, std::uint32_t family, std::uint64_t n) {
  const double quarter = static_cast<double>(n) / 4;
  RowChange change;
  change.row = row;
  switch (family) {
    case kCount:
      change.slots = {n};
      break;
    case kSeconds:
      change.slots = {bits(quarter)};
      break;
    case kLatency:
      change.slots = {n, n + 1, 0, 1, bits(quarter)};
      break;
    case kNative:
      change.slots = {1, bits(quarter)};
      change.positive = {{-3, n}, {static_cast<std::int32_t>(n % 7), 2}};
      change.negative = {{5, 1}};
      break;
    case kUpDown:
      change.slots = {n % 2 == 0 ? n : ~n + 1};
      break;
    case kLastGauge:
      change.slots = {gauge_bits(quarter), 1000 + n};
      break;
    default:
      change.slots = {gauge_bits(quarter)};
      break;
  }
  return change;
}

inline SegmentIdentity make_segment(std::uint64_t number) {
  return {1000 + number, 7'000'000 + number, "segment-" + std::to_string(number)};
}

// The labels of the rows that segment `number` counts in, in the crash test.
inline std::string labels_of(std::uint64_t number) {
  return "service=\"s" + std::to_string(number % 3) + "\"";
}

// The same ledger as version 1 had it: families and rows without their owners.
inline std::string version_1(const std::string& file) {
  std::string old = file.substr(0, kLedgerHeaderBytes);
  old[12] = 1;
  const auto seal = [&old](std::size_t at, std::size_t first, std::size_t end) {
    const std::uint32_t crc = libdeflate_crc32(0, old.data() + first, end - first);
    std::memcpy(old.data() + at, &crc, sizeof crc);
  };
  seal(kLedgerHeaderBytes - 4, 0, kLedgerHeaderBytes - 4);
  const auto rest = [&file](std::size_t at) { return std::as_bytes(std::span(file)).subspan(at); };
  std::size_t at = kLedgerHeaderBytes;
  while (const auto frame = first_frame(rest(at))) {
    const std::size_t start = old.size();
    const bool has_owner = frame->kind == FrameKind::kFamily || frame->kind == FrameKind::kRow;
    old += file.substr(at, frame->bytes - (has_owner ? sizeof(std::uint32_t) : 0));
    const auto length = static_cast<std::uint32_t>(old.size() - start - kFrameHeaderBytes);
    std::memcpy(old.data() + start + 4, &length, sizeof length);
    seal(start, start + 4, old.size());
    at += frame->bytes;
  }
  return old;
}

}  // namespace notch::agent::sample
