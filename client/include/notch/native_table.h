// The data of a native histogram's inline observe. Made by the library, immutable but for the
// chunks. Not for users.
//
// The bits of a magnitude, shifted left by one to drop the sign, hold the octave and the place in
// it. The top `schema` + 1 bits of the place give a slot, and a slot holds at most one bound. What
// is zero by the threshold, NaN or infinite fails one range test, and takes the long way.
//
// Invariants
//   NA1  Bucket i of schema s covers (2^((i-1)/2^s), 2^(i/2^s)], as Prometheus numbers them.
//   NA2  A chunk's entry goes once from 0 to its first cell, after that cell's memory is committed.
#pragma once

#include <bit>
#include <cstdint>

#include "notch/abi.h"

namespace notch {

struct NativeTable {
  struct Slot {
    std::uint64_t bound;  // its mantissa, at the top of the word
    std::int64_t step;    // its bucket in the octave, less the slot's own: the slot's number / 2
  };

  std::uint64_t offset;  // byte offset of the zero bucket's cell; the sum's follows
  std::uint64_t least;   // unsigned_bits() of the least magnitude that is not zero
  std::uint64_t span;    // from it to infinity's; 0 for schemas below 0, which all go the long way
  const Slot* slots;     // of the schema; of schema 0 for those below
  std::uint32_t slot_mask;   // their number, less one
  std::uint32_t slot_shift;  // of unsigned_bits(), to give octave and slot
  std::int32_t exponent_bias;
  std::int32_t first_chunk;   // of chunks[][0]
  std::uint32_t* chunks[2];   // of positive values, of negative ones: first cell, 0: none yet
  std::uint32_t chunk_count;  // of either
  std::uint32_t series;
  std::int32_t schema;

  static std::uint64_t unsigned_bits(double value) noexcept {
    return std::bit_cast<std::uint64_t>(value) << 1;
  }

  // The bucket of a normal double's magnitude, of schema max(0, schema). No logarithm: a load and
  // a compare.
  std::int32_t fine_index(std::uint64_t bits) const noexcept {
    const std::uint64_t top = bits >> slot_shift;
    const Slot& slot = slots[top & slot_mask];
    return static_cast<std::int32_t>(top >> 1) - exponent_bias +
           static_cast<std::int32_t>(slot.step) +
           static_cast<std::int32_t>(bits << 11 > slot.bound);
  }

  // The bucket's index, in any schema.
  std::int32_t index(std::uint64_t bits) const noexcept {
    const std::int32_t fine = fine_index(bits);
    if (schema >= 0) return fine;
    const std::int32_t width = std::int32_t{1} << -schema;
    return (fine + width - 1) >> -schema;  // rounded up
  }
};

}  // namespace notch
