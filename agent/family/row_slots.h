// What a row consists of, by its family: kRowParts is the one table of it. The tally allocates, reads and folds by it, the
// ledger adds by it, the quota and the exposition count by it.
// Called by: tally, ledger_values, row_quota, page, the exposition writers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/family/family.h"
#include "agent/family/snapshot.h"

namespace notch::agent {

// How a slot's amounts are added, those of the living and those of the dead.
enum class SlotKind : std::uint8_t {
  kCount,   // u64, up to the end of its range
  kBucket,  // u64, up to kMostBucketSum
  kSigned,  // i64, wrapping
  kFloat,   // a double's bits, as long as the sum is finite
  kGauge,   // the complement of a double's bits, 0 for no value: as the family's Combine says
  kLast,    // two slots: such a complement, and when it was set; the later pair stays
};

enum class RowKind : std::uint8_t {
  kCounter,
  kFloatCounter,
  kUpDownCounter,  // of integers; one of doubles is a gauge of mode sum
  kGauge,
  kLastGauge,
  kHistogram,
  kNativeHistogram
};

struct RowParts {
  SlotKind kind;            // of the first slots
  std::uint8_t slots;       // of this kind, and one more for each bound
  bool has_sum;             // one slot behind them, of kind kFloat
  bool has_chunks;          // buckets elsewhere, 32 in a chunk
  bool only_grows;          // a fall of the first slots is a reset
  bool outlives;            // its processes: it is folded when they die
  std::uint8_t page_lines;  // without those of bounds and chunks
};

// By RowKind. The first bucket of a classic histogram is +Inf's, that of a native one the zero bucket.
inline constexpr std::array<RowParts, 7> kRowParts = {{
    // kind, slots, has_sum, has_chunks, only_grows, outlives, page_lines
    {SlotKind::kCount, 1, false, false, true, true, 1},
    {SlotKind::kFloat, 1, false, false, true, true, 1},
    {SlotKind::kSigned, 1, false, false, false, false, 1},
    {SlotKind::kGauge, 1, false, false, false, false, 1},
    {SlotKind::kLast, 2, false, false, false, true, 1},
    {SlotKind::kBucket, 1, true, false, true, true, 3},
    {SlotKind::kBucket, 1, true, true, true, true, 4},
}};

constexpr bool is_gauge(const Family& family) noexcept {
  return family.type == MetricType::kGauge || family.type == MetricType::kUnknown;
}

constexpr RowKind row_kind(const Family& family) noexcept {
  if (family.type == MetricType::kHistogram) return RowKind::kHistogram;
  if (family.type == MetricType::kNativeHistogram) return RowKind::kNativeHistogram;
  const bool is_float = family.number == Number::kFloat;
  if (!is_gauge(family)) return is_float ? RowKind::kFloatCounter : RowKind::kCounter;
  if (!is_float) return RowKind::kUpDownCounter;
  return family.combine == Combine::kLast ? RowKind::kLastGauge : RowKind::kGauge;
}

constexpr const RowParts& row_parts(const Family& family) noexcept {
  return kRowParts[static_cast<std::size_t>(row_kind(family))];
}

// The slots before the sum.
constexpr std::uint32_t first_slots(const Family& family) noexcept {
  return std::uint32_t{row_parts(family).slots} + static_cast<std::uint32_t>(family.bounds.size());
}

// How many slots a row of this family has in the tally and in the ledger, without chunks.
constexpr std::uint32_t slot_count(const Family& family) noexcept {
  return first_slots(family) + (row_parts(family).has_sum ? 1U : 0U);
}

// The value of a scalar row. A gauge that was never set is absent; a counter that is NaN or negative is
// faulty, because no format may carry it.
enum class Presence : std::uint8_t { kPresent, kAbsent, kFaulty };
Presence presence(const Family& family, std::uint64_t slot) noexcept;

// The row's one slot as the bits of what `family.number` says: complements undone.
std::uint64_t scalar_bits(const Family& family, std::uint64_t slot) noexcept;
double scalar_value(const Family& family, std::uint64_t slot) noexcept;

bool has_counted(const FamilySnapshot& family, const Row& row) noexcept;

}  // namespace notch::agent
