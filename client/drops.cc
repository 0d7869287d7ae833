#include "client/drops.h"

#include <cstddef>

#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {

void drop(shm::DropReason reason, std::uint64_t count) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) {
    shm::add_alone(segment->header().drops[index], count);
  } else if (!is_without_memory() && prepare()) {
    shm::add_alone(wiped()->early_drops[index], count);
  }
}

std::uint64_t dropped() noexcept {
  std::uint64_t total = 0;
  for (const std::uint64_t& early : wiped()->early_drops) total += shm::read_alone(early);
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) {
    for (const std::uint64_t& reason : segment->header().drops) total += shm::read_alone(reason);
  }
  return total;
}

void move_early_drops(shm::Segment& segment) noexcept {
  for (std::size_t i = 0; i < shm::kDropReasons; ++i) {
    shm::add_alone(segment.header().drops[i], shm::take_all(wiped()->early_drops[i]));
  }
}

}  // namespace notch::client
