#include "client/preload/record_pages.h"

#include <sys/mman.h>

#include "client/preload/core.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

constexpr std::uint64_t kCountMask = kRecordPageBytes - 1;
static_assert(kPagesAtOnce <= kCountMask);

// The address of the next free page, and in its low bits how many pages are free from there on.
std::uint64_t free_pages;  // [tag: record-pages]

// Null if there is no memory.
std::byte* map_pages() noexcept {
  if (is_in_sandbox()) return nullptr;
  const shm::KeepErrno keep;
  void* const pages = mmap(nullptr, kPagesAtOnce * kRecordPageBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<std::byte*>(pages);
}

void unmap_pages(std::byte* pages) noexcept {
  const shm::KeepErrno keep;
  munmap(pages, kPagesAtOnce * kRecordPageBytes);
}

std::uint64_t word_of(std::byte* first, std::uint64_t count) noexcept {
  return reinterpret_cast<std::uint64_t>(first) | count;
}

}  // namespace

std::byte* take_record_page() noexcept {
  for (;;) {
    const std::uint64_t before = shm::read_alone(free_pages);  // the exchange says if it was old
    const std::uint64_t count = before & kCountMask;
    std::byte* const mapped = count == 0 ? map_pages() : nullptr;
    if (count == 0 && mapped == nullptr) return nullptr;
    std::byte* const page =
        count == 0 ? mapped : reinterpret_cast<std::byte*>(before & ~kCountMask);
    const std::uint64_t left = count == 0 ? kPagesAtOnce - 1 : count - 1;
    // No block is ever unmapped once its address was here, so the same word is the same pages.
    // [tag: record-pages] Publishes the mapping; else another thread could write to a page of the block
    // that is not mapped yet.
    if (shm::publish_first(free_pages, before, word_of(page + kRecordPageBytes, left))) return page;
    if (mapped != nullptr) unmap_pages(mapped);
  }
}

void map_record_pages() noexcept {
  if ((shm::read_alone(free_pages) & kCountMask) != 0) return;  // the constructor is alone
  std::byte* const pages = map_pages();
  if (pages != nullptr) shm::write_alone(free_pages, word_of(pages, kPagesAtOnce));
}

}  // namespace notch::preload
