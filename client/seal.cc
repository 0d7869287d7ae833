#include "client/seal.h"

#include <cstdint>

#include "shm/memory_order.h"

namespace notch::client {
namespace {

constexpr std::uint32_t kNoGrowth = 1;
constexpr std::uint32_t kNoCalls = 2;

// 0, kNoGrowth or kNoCalls. Relaxed is enough: it guards no memory.
constinit std::uint32_t closed = 0;

}  // namespace

void close_growth() noexcept {
  if (!sealed()) shm::write_alone(closed, kNoGrowth);
}

void seal() noexcept {
  shm::write_alone(closed, kNoCalls);
}

bool sealed() noexcept {
  return shm::read_alone(closed) != 0;
}

bool may_not_attach() noexcept {
  return shm::read_alone(closed) == kNoCalls;
}

}  // namespace notch::client
