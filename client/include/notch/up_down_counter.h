// A number that threads raise and lower: items in a queue, requests being served.
//
// For what the program itself counts in and out. A number that it only learns, and sets: gauge.h.
//
// Use:
//   notch::UpDownCounter open = notch::up_down_counter({"connections", "Connections open."});
//   open.add();       // one came
//   open.subtract();  // and went
#pragma once

#include <cstdint>

#include "notch/cell.h"

namespace notch {

// Shown as a gauge: the sum of all living processes. What a dead process had raised and not lowered
// again goes with it. There is no set(): for that, see gauge.h.
class UpDownCounter {
 public:
  UpDownCounter() = default;
  explicit UpDownCounter(notch_series series) noexcept : offset_(series.offset) {}

  // Adds `amount`, which may be negative. Cost: about 1 ns. Thread-safe, async-signal-safe.
  void add(std::int64_t amount = 1) noexcept {
    cell::add(offset_, static_cast<std::uint64_t>(amount));
  }
  void subtract(std::int64_t amount = 1) noexcept {
    cell::add(offset_, std::uint64_t{0} - static_cast<std::uint64_t>(amount));
  }

  explicit operator bool() const noexcept { return offset_ != 0; }

  static constexpr std::uint32_t kType = NOTCH_UP_DOWN_COUNTER;
  static constexpr std::uint32_t kNumber = NOTCH_SIGNED;

 private:
  std::uint64_t offset_ = 0;
};

}  // namespace notch
