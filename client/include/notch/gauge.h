// A number that is set: a temperature, a cache's size, a limit.
//
// Several processes of a service set the same gauge, and the service shows one value. Which one is
// the gauge's mode:
//
//   kSum   the parts of a whole: bytes in each process's cache. The default.
//   kMin   the least: free places in the pool that has the fewest.
//   kMax   the greatest: the age of the oldest item in any queue.
//   kLast  what any process may report for all: when the last backup ended. The one set last counts,
//          and stays when its process ends.
//   kEach  what means nothing when it is merged: a series for each process, with the label pid.
//
// All but kLast are of the living processes that set it: a process takes its value with it.
//
// Use:
//   notch::Gauge cached = notch::gauge({"cache_bytes", "Bytes in the cache."});
//   cached.set(4096);
//   notch::Gauge backup = notch::gauge({"backup_end_seconds", "When the last backup ended."},
//                                      notch::GaugeMode::kLast);
//   backup.set(1.79e9);
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
