#include "client/bucket_tables.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "client/octave_bounds.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kMostSlots = 2048;
constexpr std::uint32_t kCoarsestShift = 52;  // an octave to a slot
constexpr std::uint32_t kFinestShift = 44;

constexpr std::int32_t kFinestSchema = 8;

// The slots of each schema from 0 to 8 behind one another.
constexpr std::size_t first_slot(std::int32_t schema) noexcept {
  return (std::size_t{2} << schema) - 2;
}

using OctaveSlots = std::array<NativeTable::Slot, first_slot(kFinestSchema + 1)>;

constexpr OctaveSlots make_octave_slots() noexcept {
  OctaveSlots all{};
  for (std::int32_t schema = 0; schema <= kFinestSchema; ++schema) {
    const std::int32_t buckets = 1 << schema;
    const std::int32_t stride = 1 << (kFinestSchema - schema);
    std::int32_t bucket = 0;
    for (std::int32_t slot = 0; slot < 2 * buckets; ++slot) {
      const std::uint64_t start = static_cast<std::uint64_t>(slot) << (51 - schema);
      while (bucket < buckets && kOctaveBounds[bucket * stride] < start) ++bucket;
      // Past the last bound comes the next octave's first bucket, whatever the rest of the bits.
      const std::uint64_t bound =
          bucket < buckets ? kOctaveBounds[bucket * stride] << 12 : ~std::uint64_t{0};
      all[first_slot(schema) + static_cast<std::size_t>(slot)] = {bound, bucket - slot / 2};
    }
  }
  return all;
}

constexpr OctaveSlots kOctaveSlots = make_octave_slots();

// Lays the slots over [0, last bound]. Its slot_count is 0 if no slots are fine enough and few
// enough (BT2).
BucketTable lay_slots(std::span<const double> bounds) noexcept {
  BucketTable table{};
  const auto not_negative = std::lower_bound(bounds.begin(), bounds.end(), 0.0);
  const auto positive = std::upper_bound(not_negative, bounds.end(), 0.0);
  if (positive == bounds.end()) return table;
  const auto first_bits = std::bit_cast<std::uint64_t>(*positive);
  const auto last_bits = std::bit_cast<std::uint64_t>(bounds.back());
  for (table.key_shift = kCoarsestShift; table.key_shift >= kFinestShift; --table.key_shift) {
    // One below the first positive bound's, so that a bound of zero has slot 0 to itself.
    const std::uint64_t key = first_bits >> table.key_shift;
    table.first_key = key == 0 ? 0 : key - 1;
    const std::uint64_t slots = table.slot(last_bits) + 1;
    if (slots > kMostSlots) break;
    const auto same_slot = [&](double a, double b) {
      return table.slot(std::bit_cast<std::uint64_t>(a)) ==
             table.slot(std::bit_cast<std::uint64_t>(b));
    };
    if (std::adjacent_find(not_negative, bounds.end(), same_slot) == bounds.end()) {
      table.slot_count = slots;
      break;
    }
  }
  return table;
}

void fill_slots(const BucketTable& table, std::span<const double> bounds,
                BucketTable::Slot* slots) noexcept {
  auto bound = std::lower_bound(bounds.begin(), bounds.end(), 0.0);
  for (std::uint64_t slot = 0; slot < table.slot_count; ++slot) {
    while (table.slot(std::bit_cast<std::uint64_t>(*bound)) < slot) ++bound;
    slots[slot] = {std::bit_cast<std::uint64_t>(*bound),
                   static_cast<std::uint64_t>(bound - bounds.begin())};
  }
}

}  // namespace

const BucketTable* make_bucket_table(std::span<const double> bounds,
                                     PrivateMemory& memory) noexcept {
  auto* const upper = static_cast<double*>(memory.take(bounds.size() * sizeof(double)));
  if (upper == nullptr) return nullptr;
  // + 0.0 makes a zero of a negative zero, which is the same bound and not the same bits.
  std::transform(bounds.begin(), bounds.end(), upper, [](double bound) { return bound + 0.0; });
  bounds = {upper, bounds.size()};
  BucketTable table = lay_slots(bounds);
  table.upper = upper;
  table.count = static_cast<std::uint32_t>(bounds.size());
  table.sum_offset = 8 * (bounds.size() + 1);
  auto* const taken = static_cast<BucketTable*>(
      memory.take(sizeof table + table.slot_count * sizeof(BucketTable::Slot)));
  if (taken == nullptr) return nullptr;
  *taken = table;
  fill_slots(table, bounds, reinterpret_cast<BucketTable::Slot*>(taken + 1));
  return taken;
}

NativeTable* make_native_table(std::int32_t schema, double zero_threshold,
                               PrivateMemory& memory) noexcept {
  auto* const table = static_cast<NativeTable*>(memory.take(sizeof(NativeTable)));
  if (table == nullptr) return nullptr;
  const std::int32_t fine = std::max(schema, 0);
  table->schema = schema;
  table->slots = kOctaveSlots.data() + first_slot(fine);
  table->slot_mask = (2U << fine) - 1;
  table->slot_shift = 52 - static_cast<std::uint32_t>(fine);
  table->exponent_bias = 1023 << fine;
  const std::uint64_t zero_bits = NativeTable::unsigned_bits(zero_threshold);
  table->least = zero_bits + 2;  // of the next double
  table->span = schema < 0 ? 0
                           : NativeTable::unsigned_bits(std::numeric_limits<double>::infinity()) -
                                 table->least;
  const std::uint64_t most_bits = NativeTable::unsigned_bits(std::numeric_limits<double>::max());
  table->first_chunk = table->index(zero_bits) >> 5;
  table->chunk_count =
      static_cast<std::uint32_t>((table->index(most_bits) >> 5) - table->first_chunk + 1);
  for (std::uint32_t*& chunks : table->chunks) {
    chunks = static_cast<std::uint32_t*>(memory.take(table->chunk_count * sizeof(std::uint32_t)));
    if (chunks == nullptr) return nullptr;
  }
  return table;
}

}  // namespace notch::client
