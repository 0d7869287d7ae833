// The bounds of a classic histogram, arranged so that a value finds its bucket in two loads and a
// compare. Made once by the library at definition, read by histogram.h. Not for users.
//
// Invariants
//   T1  upper[count] is +Inf.
//   T2  For any finite v, step[slot(v)] is at most v's bucket, and with `single_step` at least
//       one less.
#pragma once

#include <bit>
#include <cstdint>

namespace notch {

struct BucketTable {
  std::uint32_t count;        // bounds, without +Inf
  std::uint32_t slot_count;   // of step[], at least 1
  std::int64_t first_key;     // key of slot 0
  std::uint32_t key_shift;    // of the ordered bits, to give a key
  std::uint32_t single_step;  // 1: no slot holds more than one bound
  const double* upper;        // count + 1
  const std::uint16_t* step;  // slot_count

  // The double's bits as an integer of the same order.
  static std::int64_t ordered(double value) noexcept {
    const auto bits = std::bit_cast<std::int64_t>(value);
    return bits ^ static_cast<std::int64_t>(static_cast<std::uint64_t>(bits >> 63) >> 1);
  }

  // The bucket of a value that is not NaN: the first whose upper bound is not below it.
  std::uint32_t bucket(double value) const noexcept {
    std::int64_t slot = (ordered(value) >> key_shift) - first_key;
    slot = slot < 0 ? 0 : slot;
    slot = slot >= slot_count ? std::int64_t{slot_count} - 1 : slot;
    std::uint32_t index = step[slot];
    if (single_step != 0) [[likely]]
      return index + static_cast<std::uint32_t>(value > upper[index]);
    while (value > upper[index]) ++index;
    return index;
  }
};

}  // namespace notch
