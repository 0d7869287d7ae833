// A classic histogram: how many observations fell into each of a fixed set of buckets, and their
// sum.
//
// For times and sizes whose interesting bounds are known: a limit that was promised is best a bound.
// Where they are not, or quantiles are to be fine: native_histogram.h.
//
// Use:
//   notch::Histogram seconds = notch::histogram({"job_duration_seconds", "Time of a job."},
//                                               notch::Buckets::latency_seconds());
//   seconds.observe(0.042);  // or by timer.h
#pragma once

#include <bit>
#include <cstdint>

#include "notch/bucket_table.h"
#include "notch/cell.h"
#include "notch/exemplar.h"

namespace notch {

// A handle of 16 bytes, as Counter. Bounds come from buckets.h at definition.
class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(notch_series series) noexcept
      : offset_(series.offset), table_(static_cast<const BucketTable*>(series.detail)) {}

  // Counts `value` in its bucket (upper bounds are inclusive) and adds it to the sum. NaN and
  // infinity are not taken but counted as dropped. Cost: about 3 ns, two adds. Thread-safe,
  // async-signal-safe; a scrape between the two adds sees the bucket before the sum.
  [[gnu::always_inline]] void observe(double value) noexcept { put(value); }

  // The same, and leaves `exemplar` as the bucket's last. Cost: about 13 ns more.
  void observe(double value, const Exemplar& exemplar) noexcept {
    notch_v1_exemplar(put(value), value, exemplar.raw());
  }

  explicit operator bool() const noexcept { return table_ != nullptr; }

  static constexpr std::uint32_t kType = NOTCH_HISTOGRAM;
  static constexpr std::uint32_t kNumber = NOTCH_UNSIGNED;

 private:
  // The offset of the cell that counted it, 0 if none: an exemplar of it is then none either.
  [[gnu::always_inline]] std::uint64_t put(double value) const noexcept {
    if (table_ == nullptr) [[unlikely]] {
      cell::add(0, std::uint64_t{1});
      return 0;
    }
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t slot = table_->slot(bits);
    if (slot >= table_->slot_count) [[unlikely]]
      return put_searched(value);
    return put_in(table_->bucket_in_slot(slot, bits), value);
  }

  [[gnu::noinline]] std::uint64_t put_searched(double value) const noexcept {
    if (!cell::is_observable(value)) return 0;
    return put_in(table_->search(value), value);
  }

  [[gnu::always_inline]] std::uint64_t put_in(std::uint64_t bucket, double value) const noexcept {
    const std::uint64_t bucket_offset = offset_ + 8 * bucket;
    cell::add(bucket_offset, std::uint64_t{1});
    cell::add(offset_ + table_->sum_offset, value);
    return bucket_offset;
  }

  std::uint64_t offset_ = 0;
  const BucketTable* table_ = nullptr;
};

}  // namespace notch
