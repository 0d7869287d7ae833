#include "agent/expose/body.h"

#include <algorithm>
#include <utility>

namespace notch::agent {
namespace {

constexpr std::size_t kFirstBytes = std::size_t{256} << 10;

}  // namespace

Body::Body(Body&& other) noexcept
    : memory_(std::move(other.memory_)),
      size_(std::exchange(other.size_, 0)),
      spare_(std::move(other.spare_)) {}

Body& Body::operator=(Body&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  std::swap(spare_, other.spare_);
  return *this;
}

Body::~Body() {
  if (spare_ != nullptr) spare_->give_back(std::move(memory_), size_);
}

BodyWriter::BodyWriter(std::shared_ptr<SpareMemory> spare) {
  if (spare != nullptr) body_.memory_ = spare->take();
  body_.spare_ = std::move(spare);
  cursor_ = body_.memory_.base();
  end_ = cursor_ + body_.memory_.bytes();
}

void BodyWriter::grow(std::size_t bytes) {
  const std::size_t used = position();
  const std::size_t doubled = std::max(kFirstBytes, body_.memory_.bytes() * 2);
  body_.memory_.grow(std::max(doubled, used + bytes));
  cursor_ = body_.memory_.base() + used;
  end_ = body_.memory_.base() + body_.memory_.bytes();
}

Body BodyWriter::finish() noexcept {
  body_.size_ = position();
  if (body_.spare_ == nullptr) body_.memory_.shrink(body_.size_);
  cursor_ = end_ = nullptr;
  return std::move(body_);
}

}  // namespace notch::agent
