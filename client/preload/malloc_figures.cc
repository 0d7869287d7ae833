#include "client/preload/malloc_figures.h"

#include <algorithm>

#include "client/preload/definitions.h"
#include "client/preload/next_symbol.h"

namespace notch::preload {

AllocationFigures allocation_figures[kAllocators];
Counter frees;
UpDownCounter live_bytes;
std::size_t (*usable_size)(void* block) = nullptr;

namespace {

constexpr std::string_view kAllocatorWords[kAllocators] = {"malloc", "calloc", "realloc",
                                                           "aligned"};

struct SizeBounds {
  double all[kSizeBounds] = {};

  constexpr SizeBounds() noexcept {
    for (std::uint32_t i = 0; i < kSizeBounds; ++i)
      all[i] = static_cast<double>(std::uint64_t{1} << (kFirstSizeBit + i));
  }
};
constexpr SizeBounds kBounds;

}  // namespace

bool define_malloc_figures() noexcept {
  const Family sizes = define_histogram("libc_malloc_size_bytes",
                                        "Bytes asked for by each call of an allocating function.",
                                        "bytes", {"function"}, kBounds.all, 0, 1);
  const Family failures =
      define_counter("libc_malloc_failures_total",
                     "Calls of an allocating function that gave no memory.", "", {"function"}, 1);
  for (std::size_t i = 0; i < kAllocators; ++i) {
    allocation_figures[i].sizes = SizeHistogram(sizes.with({kAllocatorWords[i]}));
    allocation_figures[i].failures = Counter(failures.with({kAllocatorWords[i]}));
  }
  frees = Counter(
      define_counter("libc_malloc_frees_total", "Blocks given to free().", "", {}).with({}));
  return std::all_of(allocation_figures, allocation_figures + kAllocators,
                     [](const AllocationFigures& figures) { return bool(figures.sizes); });
}

bool define_live_figures() noexcept {
  void* found = nullptr;
  find_next_symbols("malloc_usable_size", 1, &found);
  if (found == nullptr) return false;
  usable_size = reinterpret_cast<std::size_t (*)(void*)>(found);
  live_bytes = UpDownCounter(
      define_up_down_counter("libc_malloc_live_bytes",
                             "Bytes of the blocks allocated and not yet freed, as the allocator "
                             "rounds them, since the program's start.",
                             "bytes", {})
          .with_gauge({}));
  return true;
}

}  // namespace notch::preload
