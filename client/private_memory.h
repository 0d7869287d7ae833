// Memory that lasts as long as the process and is never given back: tables that handles point to.
// Called by: registry, series_index, under the lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/reservation.h"

namespace notch::client {

// A bump allocator on a reservation. A block a forked child finds half filled is simply lost to it.
class PrivateMemory {
 public:
  bool prepare(std::uint64_t bytes) noexcept;

  // Zeroed, aligned to 8; null if there is none left, or none without a system call after seal().
  void* take(std::uint64_t bytes) noexcept;

  // Makes sure that the next `bytes` need no system call.
  bool ready(std::uint64_t bytes) noexcept;

 private:
  shm::Reservation memory_;
  std::uint64_t used_ = 0;
  std::uint64_t committed_ = 0;
};

}  // namespace notch::client
