// What a native histogram's inline observe needs. Made by the library, immutable but for `chunks`.
// Not for users.
//
// Invariants
//   N1  Bucket i of schema s covers (2^((i-1)/2^s), 2^(i/2^s)], as Prometheus numbers them.
//   N2  A chunk's entry goes once from 0 to its first cell, after that cell's memory is committed.
#pragma once

#include <bit>
#include <cstdint>

#include "notch/abi.h"

namespace notch {

struct NativeTable {
  std::uint64_t offset;  // byte offset of the zero bucket's cell; the sum's follows
  std::uint32_t series;
  std::int32_t schema;
  double zero_threshold;     // |v| at or below it: the zero bucket
  std::int32_t first_chunk;  // of positive[0] and negative[0]
  std::uint32_t chunk_count;
  const std::uint64_t* bound_bits;  // schema > 0: mantissa bits of 2^(j/2^s), j = 0 .. 2^s
  const std::uint16_t* slots;       // schema > 0: by the top s+1 mantissa bits, a bound not above
  std::uint32_t* positive;          // first cell by chunk, 0: none yet
  std::uint32_t* negative;

  // The bucket index of a normal double's magnitude. Cost: two loads and a compare, no logarithm.
  std::int32_t index(double value) const noexcept {
    constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
    const auto exponent = static_cast<std::int32_t>((bits >> 52) & 0x7ff) - 1023;
    const std::uint64_t mantissa = bits & kMantissa;
    if (schema > 0) {
      std::uint32_t j = slots[mantissa >> (51 - schema)];
      j += static_cast<std::uint32_t>(mantissa > bound_bits[j]);
      return exponent * (std::int32_t{1} << schema) + static_cast<std::int32_t>(j);
    }
    // ceil(log2(v)) / 2^-s, rounded up.
    const std::int32_t octave = exponent + static_cast<std::int32_t>(mantissa != 0);
    const std::int32_t width = std::int32_t{1} << -schema;
    return (octave + width - 1) >> -schema;
  }
};

}  // namespace notch
