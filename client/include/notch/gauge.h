// A number that is set: a temperature, a queue's length, a limit.
#pragma once

#include <cstdint>

#include "notch/cell.h"

namespace notch {

// How the gauges of several processes become one value. See enum notch_gauge_mode in abi.h.
enum class GaugeMode : std::uint32_t {
  kSum = NOTCH_GAUGE_SUM,
  kMin = NOTCH_GAUGE_MIN,
  kMax = NOTCH_GAUGE_MAX,
  kLast = NOTCH_GAUGE_LAST,
  kEach = NOTCH_GAUGE_EACH,
};

// A handle of 16 bytes, as Counter. A gauge that was never set is not shown. All processes that
// define a gauge give it the same mode.
class Gauge {
 public:
  Gauge() = default;
  Gauge(notch_series series, GaugeMode mode) noexcept
      : offset_(series.offset == 0 ? kNullOffset : series.offset),
        last_(mode == GaugeMode::kLast) {}

  // Sets the value; the last of several threads wins. NaN and infinity are not taken but counted as
  // dropped. Cost: about 1 ns, mode last about 9 ns (it reads a coarse clock, through the vDSO).
  // Thread-safe, async-signal-safe.
  void set(double value) noexcept {
    if (last_) return notch_v1_set_gauge(offset_, value, NOTCH_GAUGE_LAST);
    cell::set(offset_, value);
  }

  // Adds to the value, which counts as 0 if never set. Cost: about 7 ns, more if threads compete;
  // what only goes up and down is cheaper as an UpDownCounter.
  void add(double amount) noexcept {
    notch_v1_add_gauge(offset_, amount, last_ ? NOTCH_GAUGE_LAST : NOTCH_GAUGE_SUM);
  }
  void subtract(double amount) noexcept { add(-amount); }

  explicit operator bool() const noexcept { return offset_ != kNullOffset; }

  static constexpr std::uint32_t kType = NOTCH_GAUGE;
  static constexpr std::uint32_t kNumber = NOTCH_FLOAT;

 private:
  // Cell 2, which takes what is set through null handles.
  static constexpr std::uint64_t kNullOffset = 16;

  std::uint64_t offset_ = kNullOffset;
  bool last_ = false;
};

}  // namespace notch
