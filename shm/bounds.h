// The bounds check for bytes that another process wrote and nobody vouches for.
// Called by: segment_reader for every offset and count that comes from a segment file.
//
// Invariants
//   BN1  fits() never wraps: it subtracts the smaller number from the larger one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace notch::shm {

// True if [offset, offset + size) lies within `whole` bytes.
constexpr bool fits(std::uint64_t offset, std::uint64_t size, std::uint64_t whole) noexcept {
  return offset <= whole && size <= whole - offset;
}

// The sub-range, or an empty span if it does not fit.
inline std::span<const std::byte> sub_range(std::span<const std::byte> whole, std::uint64_t offset,
                                            std::uint64_t size) noexcept {
  if (!fits(offset, size, whole.size())) return {};
  return whole.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

}  // namespace notch::shm
