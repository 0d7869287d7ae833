// A native (exponential) histogram: buckets at every 2^(1/2^schema), none to choose, none too
// coarse.
//
// For times and sizes of any range. Prometheus takes it by protobuf, with native histograms turned
// on; in the text formats it is a classic histogram whose bounds are powers of two.
//
// Use:
//   notch::NativeHistogram bytes =
//       notch::native_histogram({"answer_size_bytes", "Size of an answer."});
//   bytes.observe(1500);
#pragma once

#include <bit>
#include <cstdint>

#include "notch/cell.h"
#include "notch/exemplar.h"
#include "notch/native_table.h"

namespace notch {

// The options of a native histogram.
struct NativeOptions {
  int schema = 3;  // -4..8; 3: a bucket is 9 % wide, so a quantile is within 4.5 % of the truth
  double zero_threshold = 0x1p-128;  // observations of at most this magnitude count as zero
};

// A handle of 8 bytes, as Counter. Memory: 256 bytes a column for every 32 neighbouring buckets
// that were ever hit, so a latency spread over three decades at schema 3 takes about 1 KiB.
class NativeHistogram {
 public:
  NativeHistogram() = default;
  explicit NativeHistogram(notch_series series) noexcept
      : table_(static_cast<const NativeTable*>(series.detail)) {}

  // Counts `value`, of either sign, in its bucket and adds it to the sum. NaN and infinity are not
  // taken but counted as dropped. Cost: about 3 ns; the first hit of a run of 32 buckets takes a
  // lock, as a new label set does. Thread-safe, async-signal-safe: a handler that interrupts its
  // own thread's definition can make no such run; five buckets wait for theirs, what hits more of
  // them is counted as dropped.
  [[gnu::always_inline]] void observe(double value) noexcept { put(value); }

  // The same, and leaves `exemplar` as the bucket's last. Cost: about 13 ns more.
  void observe(double value, const Exemplar& exemplar) noexcept {
    notch_v1_exemplar(put(value), value, exemplar.raw());
  }

  explicit operator bool() const noexcept { return table_ != nullptr; }

  static constexpr std::uint32_t kType = NOTCH_NATIVE_HISTOGRAM;
  static constexpr std::uint32_t kNumber = NOTCH_UNSIGNED;

 private:
  // The offset of the cell that counted it, 0 if none: an exemplar of it is then none either.
  [[gnu::always_inline]] std::uint64_t put(double value) const noexcept {
    if (table_ == nullptr) [[unlikely]] {
      cell::add(0, std::uint64_t{1});
      return 0;
    }
    const std::uint64_t bits = NativeTable::unsigned_bits(value);
    if (bits - table_->least >= table_->span) [[unlikely]]
      return put_the_long_way(value);
    return put_in(bucket_offset(table_->fine_index(bits), value), value);
  }

  [[gnu::noinline]] std::uint64_t put_the_long_way(double value) const noexcept {
    if (!cell::is_observable(value)) return 0;
    const std::uint64_t bits = NativeTable::unsigned_bits(value);
    return put_in(bits < table_->least ? table_->offset : bucket_offset(table_->index(bits), value),
                  value);
  }

  [[gnu::always_inline]] std::uint64_t put_in(std::uint64_t offset, double value) const noexcept {
    if (offset == 0) [[unlikely]]
      return 0;
    cell::add(offset, std::uint64_t{1});
    cell::add(table_->offset + 8, value);
    return offset;
  }

  // 0 if there is no memory for the bucket.
  [[gnu::always_inline]] std::uint64_t bucket_offset(std::int32_t index,
                                                     double value) const noexcept {
    const auto negative = static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(value) >> 63);
    const std::int32_t chunk = (index >> 5) - table_->first_chunk;
    const std::uint32_t first = cell::read_alone(table_->chunks[negative][chunk]);  // alone, by NA2
    if (first == 0) [[unlikely]]
      return notch_v1_native_cell(table_, index, static_cast<int>(negative));
    return 8U * (std::uint64_t{first} + static_cast<std::uint32_t>(index & 31));
  }

  const NativeTable* table_ = nullptr;
};

}  // namespace notch
