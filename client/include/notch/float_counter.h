// A counter of amounts that are not whole: seconds of work, joules. It only grows.
//
// Whole amounts are better off in counter.h: they never round.
//
// Use:
//   notch::FloatCounter busy = notch::float_counter({"busy_seconds_total", "Time spent at work."});
//   busy.add(0.25);
#pragma once

#include "notch/cell.h"

namespace notch {

// As Counter, but of doubles. Sums of many small amounts round as doubles do: each column rounds
// alone.
class FloatCounter {
 public:
  FloatCounter() = default;
  explicit FloatCounter(notch_series series) noexcept
      : offset_(series.offset == 0 ? 8 : series.offset) {}

  // Adds `amount`. Negative and NaN amounts, and those of 2^970 (about 1e292) and more, are not
  // added but counted as dropped. What is less never takes the sum past the largest double: there
  // it is lost in rounding, and the counter stays where it is.
  // Cost: about 1 ns; 3 ns right behind an add to the same counter, for whose sum it waits.
  // Thread-safe, async-signal-safe.
  void add(double amount) noexcept {
    if (!(amount >= 0 && amount < 0x1p970)) [[unlikely]] {
      return amount < 0 ? notch_v1_drop_negative() : notch_v1_drop_not_finite();
    }
    cell::add(offset_, amount);
  }

  explicit operator bool() const noexcept { return offset_ != 8; }

  static constexpr std::uint32_t kType = NOTCH_COUNTER;
  static constexpr std::uint32_t kNumber = NOTCH_FLOAT;

 private:
  std::uint64_t offset_ = 8;  // cell 1, which takes what is added through null handles
};

}  // namespace notch
