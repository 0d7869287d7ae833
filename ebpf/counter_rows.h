// Adds up the rows in which kernel programs count: one for each processor, or processor and service.
// Called by: the probes.
//
// Invariants
//   CR1  A row consists of u64s, and each is read once, whole. Each word is a sum of its own: two words
//        of one row may be of different moments, and no figure is made of two.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ebpf/family.h"
#include "ebpf/latency_histogram.h"
#include "ebpf/service_slots.h"

namespace notch::ebpf {

// Adds the words of rows first, first + stride, ... of `rows`. REQUIRES: a row's fields are all
// __u64. Cost: a load and an add for each word.
template <class Row>
Row sum_rows(std::span<const Row> rows, std::size_t first, std::size_t stride) {
  static_assert(sizeof(Row) % sizeof(__u64) == 0);
  std::array<__u64, sizeof(Row) / sizeof(__u64)> sums{};
  for (std::size_t i = first; i < rows.size(); i += stride) {
    // The kernel writes while this reads: a volatile load is one load of the whole word. It is of
    // the fields' own type, which uint64_t is not.
    const auto* words = reinterpret_cast<const volatile __u64*>(&rows[i]);
    for (std::size_t word = 0; word < sums.size(); ++word) sums[word] += words[word];
  }
  return std::bit_cast<Row>(sums);
}

// The same for a map that has a row for each processor and service.
template <class Row>
Row sum_of_service(std::span<const Row> rows, std::size_t slot) {
  return sum_rows(rows, slot, NOTCH_SERVICE_SLOTS);
}

inline double seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

TimeHistogram time_histogram(const latency_histogram& row);

// The zero bucket's upper edge, in seconds.
inline constexpr double kTimeZeroThreshold_s = 0x1p-22;
static_assert(NOTCH_TIME_FLOOR_LOG2 == -22);

}  // namespace notch::ebpf
