#include "agent/expose/page_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace notch::agent {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
}

}  // namespace

PageMemory::PageMemory(PageMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

PageMemory& PageMemory::operator=(PageMemory&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

PageMemory::~PageMemory() {
  if (base_ != nullptr) ::munmap(base_, bytes_);
}

void PageMemory::grow(std::size_t bytes) {
  const std::size_t wanted = whole_pages(bytes);
  if (wanted <= bytes_) return;
  void* base = base_ == nullptr ? ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                : ::mremap(base_, bytes_, wanted, MREMAP_MAYMOVE);
  if (base == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<char*>(base);
  bytes_ = wanted;
}

void PageMemory::shrink(std::size_t bytes) noexcept {
  const std::size_t kept = whole_pages(std::max<std::size_t>(bytes, 1));
  if (kept >= bytes_) return;
  ::munmap(base_ + kept, bytes_ - kept);
  bytes_ = kept;
}

PageMemory SpareMemory::take() {
  const std::lock_guard lock(mutex_);
  return std::move(*std::ranges::max_element(spares_, {}, &PageMemory::bytes));
}

void SpareMemory::give_back(PageMemory memory, std::size_t used_bytes) noexcept {
  // An eighth more than it took, so that a page that grows a little finds room.
  memory.shrink(used_bytes + used_bytes / 8);
  const std::lock_guard lock(mutex_);
  PageMemory& smallest = *std::ranges::min_element(spares_, {}, &PageMemory::bytes);
  if (memory.bytes() > smallest.bytes()) smallest = std::move(memory);
}

}  // namespace notch::agent
