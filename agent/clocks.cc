#include "agent/clocks.h"

#include <time.h>

#include <cstdint>

namespace notch::agent {

Moment moment_now() {
  timespec wall{};
  timespec monotonic{};
  timespec boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return {static_cast<std::uint64_t>(wall.tv_sec),
          static_cast<std::uint64_t>(monotonic.tv_sec) * 1'000'000'000U +
              static_cast<std::uint64_t>(monotonic.tv_nsec),
          static_cast<std::uint64_t>(boot.tv_sec)};
}

}  // namespace notch::agent
