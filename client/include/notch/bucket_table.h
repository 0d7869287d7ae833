// The bounds of a classic histogram, arranged so that a value finds its bucket in one load and a
// compare. Made once by the library at definition, read by histogram.h. Not for users.
//
// Positive doubles order as their bits do, so a shift of the bits gives a slot, and a slot holds
// at most one bound. Whatever is no positive number up to the last bound (negative, past it, NaN,
// infinite) gives slot_count or more: one test sends all of them to the search.
//
// Invariants
//   BT1  upper[] is finite and strictly increasing.
//   BT2  No two bounds are of one slot; slot_count is 0 where that cannot be had.
//   BT3  slot.bucket is that of its bound; in a slot without one, that of the next bound above.
#pragma once

#include <bit>
#include <cstdint>

namespace notch {

struct BucketTable {
  struct Slot {
    std::uint64_t upper_bits;
    std::uint64_t bucket;
  };

  std::uint64_t slot_count;  // 0: every value is searched for
  std::uint64_t first_key;   // of slot 0, which also holds all from 0 up to it
  std::uint64_t sum_offset;  // bytes from the first bucket's cell to the sum's
  const double* upper;
  std::uint32_t count;      // of upper[]: the bounds, without +Inf
  std::uint32_t key_shift;  // of a double's bits, to give a key

  // They follow the table in memory.
  const Slot* slots() const noexcept { return reinterpret_cast<const Slot*>(this + 1); }

  std::uint64_t slot(std::uint64_t bits) const noexcept {
    const std::uint64_t key = bits >> key_shift;
    return key < first_key ? 0 : key - first_key;
  }

  // REQUIRES: slot == slot(bits) < slot_count.
  std::uint64_t bucket_in_slot(std::uint64_t slot, std::uint64_t bits) const noexcept {
    const Slot& found = slots()[slot];
    return found.bucket + static_cast<std::uint64_t>(bits > found.upper_bits);
  }

  // The bucket of any value that is not NaN: the first whose bound is not below it.
  std::uint64_t search(double value) const noexcept {
    std::uint64_t bucket = 0;
    for (std::uint64_t left = count; left != 0;) {
      const std::uint64_t half = left / 2;
      if (upper[bucket + half] < value) {
        bucket += half + 1;
        left -= half + 1;
      } else {
        left = half;
      }
    }
    return bucket;
  }
};
static_assert(sizeof(BucketTable) % alignof(BucketTable::Slot) == 0);

}  // namespace notch
