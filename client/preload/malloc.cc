// The malloc module: what is asked of the allocator, whichever the program has.
// Called by: the program, in libc's place; libc itself (strdup, getline), whose calls of malloc,
// calloc, realloc and free look for the program's; the dynamic loader likewise.
//
// reallocarray is not wrapped: libc's is a call of realloc, and is counted there.
//
// Nothing here allocates, and none of it knows which blocks it has seen: free() takes those of the
// time before our constructor as the allocator itself does.
#include "client/preload/malloc_figures.h"
#include "client/preload/wrapper.h"

namespace notch::preload {
namespace {

std::int64_t live_size(void* block) noexcept {
  return block != nullptr ? static_cast<std::int64_t>(usable_size(block)) : 0;
}

[[gnu::always_inline]] inline AllocationFigures& figures_of(Allocator allocator) noexcept {
  return allocation_figures[static_cast<std::size_t>(allocator)];
}

// An allocator may answer null when nothing is asked for.
[[gnu::cold, gnu::noinline]] void* count_null(AllocationFigures& figures,
                                              std::size_t bytes) noexcept {
  if (bytes == 0) {
    figures.sizes.observe(0);
  } else {
    figures.failures.add();
  }
  return nullptr;
}

[[gnu::always_inline]] inline void* count(Allocator allocator, std::size_t bytes,
                                          void* block) noexcept {
  AllocationFigures& figures = figures_of(allocator);
  if (block == nullptr) [[unlikely]]
    return count_null(figures, bytes);
  figures.sizes.observe(bytes);
  return block;
}

// The real call, for live bytes. Out of line, so that the usual way has no more registers to save
// than it needs.
template <class Real, class... Arguments>
[[gnu::noinline]] void* call_live(Real real, Arguments... arguments) {
  void* const block = real(arguments...);
  live_bytes.add(live_size(block));
  return block;
}

template <class Real, class... Arguments>
[[gnu::always_inline]] inline void* call(Real real, Arguments... arguments) {
  if (is_active(kMallocLive)) [[unlikely]]
    return call_live(real, arguments...);
  return real(arguments...);
}

template <class Real>
void* allocate(Real real, std::size_t size) {
  return count(Allocator::kMalloc, size, call(real, size));
}

template <class Real>
void* allocate_zeroed(Real real, std::size_t members, std::size_t size) {
  void* const block = call(real, members, size);
  std::size_t bytes = 0;
  // A size that is too large for its type has failed.
  if (__builtin_mul_overflow(members, size, &bytes)) bytes = ~std::size_t{0};
  return count(Allocator::kCalloc, bytes, block);
}

// The old block's size is asked for while there is one.
template <class Real>
[[gnu::noinline]] void* reallocate_live(Real real, void* block, std::size_t size) {
  const std::int64_t before = live_size(block);
  void* const moved = real(block, size);
  if (moved != nullptr || size == 0) live_bytes.add(live_size(moved) - before);
  return moved;
}

template <class Real>
void* reallocate(Real real, void* block, std::size_t size) {
  if (is_active(kMallocLive)) [[unlikely]]
    return count(Allocator::kRealloc, size, reallocate_live(real, block, size));
  return count(Allocator::kRealloc, size, real(block, size));
}

[[gnu::noinline]] void* lower_live(void* block) noexcept {
  live_bytes.subtract(live_size(block));
  return block;
}

// Counted before the call: it cannot fail, and so the way to it is a jump.
template <class Real>
void release(Real real, void* block) {
  if (is_active(kMallocLive)) [[unlikely]]
    block = lower_live(block);
  if (block != nullptr) [[likely]]
    frees.add();
  real(block);
}

template <class Real>
int allocate_aligned_at(Real real, void** block, std::size_t alignment, std::size_t size) {
  const int result = real(block, alignment, size);
  count(Allocator::kAligned, size, result == 0 ? block : nullptr);
  if (result == 0 && is_active(kMallocLive)) [[unlikely]]
    live_bytes.add(live_size(*block));
  return result;
}

template <class Real>
void* allocate_aligned(Real real, std::size_t alignment, std::size_t size) {
  return count(Allocator::kAligned, size, call(real, alignment, size));
}

template <class Real>
void* allocate_pages(Real real, std::size_t size) {
  return count(Allocator::kAligned, size, call(real, size));
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/malloc_wrappers.def"
