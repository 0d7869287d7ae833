// How far counts go: what no honest process reaches, and what no page can say.
// Called by: slot_store, tally, ledger_values, classic_buckets.
//
// Receivers refuse a whole page for one native bucket of 2^63 or more, and for cumulative buckets
// that wrapped. So a bucket has room for every process and every dead one below that, and adding
// stops at the end of the range instead of starting again at zero: a sum that stands still is
// wrong, one that goes back is a reset to whoever reads it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace notch::agent {

// A bucket of one process is below 2^kBucketBits: 10^9 observations a second for two years. What is
// not was not counted, but written.
inline constexpr unsigned kBucketBits = 56;

constexpr bool is_possible_bucket(std::uint64_t count) noexcept {
  return count >> kBucketBits == 0;
}

// The most that one bucket can have, over all processes and the dead.
inline constexpr std::uint64_t kMostBucketSum = std::uint64_t{1} << 62U;

// The most that a row's buckets can have together: a row past it is left out of every page.
inline constexpr std::uint64_t kMostRowCount = std::numeric_limits<std::int64_t>::max();

inline constexpr std::uint64_t kMostCount = std::numeric_limits<std::uint64_t>::max();

// `total` and `amount`, at most `most`. Whatever the order, the result of several is the same.
constexpr std::uint64_t add_up_to(std::uint64_t most, std::uint64_t total,
                                  std::uint64_t amount) noexcept {
  return amount > most || total > most - amount ? most : total + amount;
}

}  // namespace notch::agent
