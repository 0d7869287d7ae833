#include "client/seal.h"

#include <cstdint>

#include "shm/memory_order.h"

namespace notch::client {
namespace {

constexpr std::uint32_t kByPages = 1;
constexpr std::uint32_t kNoGrowth = 2;
constexpr std::uint32_t kNoCalls = 3;

// 0 or one of these. Relaxed is enough: it guards no memory.
constinit std::uint32_t closed = 0;

void close_as_far_as(std::uint32_t step) noexcept {
  if (shm::read_alone(closed) < step) shm::write_alone(closed, step);
}

}  // namespace

void close_growth() noexcept {
  close_as_far_as(kByPages);
}

void stop_growth() noexcept {
  close_as_far_as(kNoGrowth);
}

void seal() noexcept {
  close_as_far_as(kNoCalls);
}

bool sealed() noexcept {
  return shm::read_alone(closed) != 0;
}

bool may_grow_by_pages() noexcept {
  return shm::read_alone(closed) <= kByPages;
}

bool may_not_attach() noexcept {
  return shm::read_alone(closed) == kNoCalls;
}

}  // namespace notch::client
