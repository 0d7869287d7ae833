// The metrics of allocations, and the histogram of their sizes.
// Called by: malloc.cc, which counts; life.cc, which has them defined.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "notch/cell.h"
#include "notch/counter.h"
#include "notch/up_down_counter.h"

namespace notch::preload {

// The bounds are powers of two from 2^kFirstSizeBit on. The last is the most that glibc ever takes
// from its heap; above, every block is an mmap of its own.
inline constexpr std::uint32_t kFirstSizeBit = 4;
inline constexpr std::uint32_t kLastSizeBit = 25;
inline constexpr std::uint32_t kSizeBounds = kLastSizeBit - kFirstSizeBit + 1;

// The bucket of a size: the first whose bound is not below it. REQUIRES: less than 2^63.
constexpr std::uint64_t size_bucket(std::uint64_t bytes) noexcept {
  constexpr std::int64_t kLeast = (std::int64_t{1} << kFirstSizeBit) - 1;
  const auto below = static_cast<std::int64_t>(bytes) - 1;
  // Without a branch: sizes come in no order that a processor could foretell.
  const std::int64_t at_least = (below & ~(below >> 63)) | kLeast;
  const int log2 = 63 ^ std::countl_zero(static_cast<std::uint64_t>(at_least));
  const auto bucket = static_cast<std::uint32_t>(log2) - (kFirstSizeBit - 1);
  return bucket < kSizeBounds ? bucket : kSizeBounds;
}

// A classic histogram whose bucket comes from an integer's bits: Histogram would turn it into a
// double and look that up. Its cells are FORMAT.md's: the buckets, then the sum.
class SizeHistogram {
 public:
  SizeHistogram() = default;
  explicit SizeHistogram(notch_series series) noexcept : offset_(series.offset) {}

  // REQUIRES: not the default one, whose cells would be another's; and less than 2^63.
  [[gnu::always_inline]] void observe(std::uint64_t bytes) const noexcept {
    cell::add(offset_ + 8 * size_bucket(bytes), std::uint64_t{1});
    cell::add(offset_ + std::uint64_t{8} * (kSizeBounds + 1),
              static_cast<double>(static_cast<std::int64_t>(bytes)));
  }

  explicit operator bool() const noexcept { return offset_ != 0; }

 private:
  std::uint64_t offset_ = 0;
};

// The values of the label "function".
enum class Allocator : std::uint8_t { kMalloc, kCalloc, kRealloc, kAligned };
inline constexpr std::size_t kAllocators = 4;

struct AllocationFigures {
  SizeHistogram sizes;  // of every call that was granted: its count is the calls'
  Counter failures;
};

extern AllocationFigures allocation_figures[kAllocators];
extern Counter frees;
extern UpDownCounter live_bytes;

// The allocator's metrics; null before define_live_figures().
extern std::size_t (*usable_size)(void* block);

// False: there is no room, and the module must not run.
bool define_malloc_figures() noexcept;
bool define_live_figures() noexcept;

}  // namespace notch::preload
