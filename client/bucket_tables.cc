#include "client/bucket_tables.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "client/octave_bounds.h"

namespace notch::client {
namespace {

constexpr std::int64_t kMostSlots = 4096;
constexpr std::uint32_t kFinestShift = 47;  // 5 bits of mantissa to a slot
constexpr std::uint32_t kCoarsestShift = 62;

struct Slots {
  std::uint32_t shift;
  std::int64_t first_key;
  std::int64_t count;
  bool single_step;
};

bool no_two_in_a_slot(std::span<const double> bounds, std::uint32_t shift) noexcept {
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    if (BucketTable::ordered(bounds[i - 1]) >> shift == BucketTable::ordered(bounds[i]) >> shift)
      return false;
  }
  return true;
}

Slots slots_of(std::span<const double> bounds, std::uint32_t shift) noexcept {
  const std::int64_t first = BucketTable::ordered(bounds.front()) >> shift;
  const std::int64_t last = BucketTable::ordered(bounds.back()) >> shift;
  return {shift, first, last - first + 2, no_two_in_a_slot(bounds, shift)};
}

// The coarsest slots that tell the bounds apart; else the finest that are few enough.
Slots choose_slots(std::span<const double> bounds) noexcept {
  Slots chosen = slots_of(bounds, kCoarsestShift);
  for (std::uint32_t shift = 52; shift >= kFinestShift; --shift) {
    const Slots slots = slots_of(bounds, shift);
    if (slots.count > kMostSlots) break;
    chosen = slots;
    if (slots.single_step) break;
  }
  return chosen;
}

}  // namespace

const BucketTable* make_bucket_table(std::span<const double> bounds,
                                     PrivateMemory& memory) noexcept {
  auto* const table = static_cast<BucketTable*>(memory.take(sizeof(BucketTable)));
  auto* const upper = static_cast<double*>(memory.take((bounds.size() + 1) * sizeof(double)));
  if (table == nullptr || upper == nullptr) return nullptr;
  // + 0.0 makes a zero of a negative zero, which is the same bound and not the same bits.
  std::transform(bounds.begin(), bounds.end(), upper, [](double bound) { return bound + 0.0; });
  bounds = {upper, bounds.size()};
  upper[bounds.size()] = std::numeric_limits<double>::infinity();
  const Slots slots = choose_slots(bounds);
  auto* const step = static_cast<std::uint16_t*>(
      memory.take(static_cast<std::uint64_t>(slots.count) * sizeof(std::uint16_t)));
  if (step == nullptr) return nullptr;
  // A slot starts with the bounds whose keys lie below its own; all of its values are above these.
  for (std::int64_t slot = 0; slot < slots.count; ++slot) {
    const auto below = std::partition_point(bounds.begin(), bounds.end(), [&](double bound) {
      return (BucketTable::ordered(bound) >> slots.shift) - slots.first_key < slot;
    });
    step[slot] = static_cast<std::uint16_t>(below - bounds.begin());
  }
  *table = {static_cast<std::uint32_t>(bounds.size()),
            static_cast<std::uint32_t>(slots.count),
            slots.first_key,
            slots.shift,
            slots.single_step ? 1U : 0U,
            upper,
            step};
  return table;
}

NativeTable* make_native_table(std::int32_t schema, double zero_threshold,
                               PrivateMemory& memory) noexcept {
  auto* const table = static_cast<NativeTable*>(memory.take(sizeof(NativeTable)));
  if (table == nullptr) return nullptr;
  table->schema = schema;
  table->zero_threshold = zero_threshold;
  if (schema > 0) {
    const std::uint32_t buckets = 1U << schema;
    auto* const bounds =
        static_cast<std::uint64_t*>(memory.take((buckets + 1) * sizeof(std::uint64_t)));
    auto* const slots =
        static_cast<std::uint16_t*>(memory.take(2 * buckets * sizeof(std::uint16_t)));
    if (bounds == nullptr || slots == nullptr) return nullptr;
    for (std::uint32_t j = 0; j < buckets; ++j) bounds[j] = kOctaveBounds[j << (8 - schema)];
    bounds[buckets] = std::uint64_t{1} << 52;
    for (std::uint32_t slot = 0; slot < 2 * buckets; ++slot) {
      const std::uint64_t start = static_cast<std::uint64_t>(slot) << (51 - schema);
      slots[slot] =
          static_cast<std::uint16_t>(std::lower_bound(bounds, bounds + buckets, start) - bounds);
    }
    table->bound_bits = bounds;
    table->slots = slots;
  }
  const std::int32_t last = table->index(std::numeric_limits<double>::max()) >> 5;
  table->first_chunk = table->index(zero_threshold) >> 5;
  table->chunk_count = static_cast<std::uint32_t>(last - table->first_chunk + 1);
  const std::uint64_t chunk_bytes = table->chunk_count * sizeof(std::uint32_t);
  table->positive = static_cast<std::uint32_t*>(memory.take(chunk_bytes));
  table->negative = static_cast<std::uint32_t*>(memory.take(chunk_bytes));
  return table->positive != nullptr && table->negative != nullptr ? table : nullptr;
}

}  // namespace notch::client
