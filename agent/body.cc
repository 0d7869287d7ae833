#include "agent/body.h"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace notch::agent {
namespace {

constexpr std::size_t kFirstBytes = std::size_t{256} << 10;
constexpr std::size_t kPageBytes = 4096;

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
}

}  // namespace

Body::Body(Body&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)),
      size_(std::exchange(other.size_, 0)) {}

Body& Body::operator=(Body&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(size_, other.size_);
  return *this;
}

Body::~Body() {
  if (base_ != nullptr) ::munmap(base_, mapped_bytes_);
}

void BodyWriter::grow(std::size_t bytes) {
  const std::size_t used = position();
  const std::size_t doubled = body_.mapped_bytes_ == 0 ? kFirstBytes : body_.mapped_bytes_ * 2;
  const std::size_t wanted = whole_pages(used + bytes);
  const std::size_t size = doubled > wanted ? doubled : wanted;
  void* base = body_.base_ == nullptr
                   ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                   : ::mremap(body_.base_, body_.mapped_bytes_, size, MREMAP_MAYMOVE);
  if (base == MAP_FAILED) throw std::bad_alloc();
  body_.base_ = static_cast<char*>(base);
  body_.mapped_bytes_ = size;
  cursor_ = body_.base_ + used;
  end_ = body_.base_ + size;
}

Body BodyWriter::finish() noexcept {
  body_.size_ = position();
  const std::size_t kept = whole_pages(body_.size_ == 0 ? 1 : body_.size_);
  if (kept < body_.mapped_bytes_) {
    ::munmap(body_.base_ + kept, body_.mapped_bytes_ - kept);
    body_.mapped_bytes_ = kept;
  }
  cursor_ = end_ = nullptr;
  return std::move(body_);
}

}  // namespace notch::agent
