// Copies out of memory that another process writes, word by word.
// Called by: segment_reader, catalogue_follower.
//
// Invariants
//   SW1  Each word is read exactly once, so that the value that was checked is the value that is used:
//        with memcpy the compiler would be free to read again.
//   SW2  A caller that needs words of one moment has observed a published length or sequence before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "shm/memory_order.h"

namespace notch::shm {

inline constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

// The word at `offset`. REQUIRES: it lies within the span, and the address is a multiple of 8.
inline std::uint64_t shared_word(std::span<const std::byte> shared, std::uint64_t offset) noexcept {
  return read_alone(*reinterpret_cast<const std::uint64_t*>(shared.data() + offset));
}

// Copies `bytes` from `offset` on, the last word in part. REQUIRES: the span holds them, rounded up
// to whole words, and the address is a multiple of 8.
inline void copy_shared(std::span<const std::byte> shared, std::uint64_t offset, void* to,
                        std::size_t bytes) noexcept {
  auto* out = static_cast<unsigned char*>(to);
  while (bytes > 0) {
    const std::uint64_t word = shared_word(shared, offset);
    const std::size_t part = bytes < kWordBytes ? bytes : kWordBytes;
    std::memcpy(out, &word, part);
    out += part;
    offset += part;
    bytes -= part;
  }
}

}  // namespace notch::shm
