// How much of a segment was left out because there was no room, to come back once there is, and how
// much room there is. Made by: binder, collect.
#pragma once

#include <algorithm>
#include <cstdint>

namespace notch::agent {

// Amounts of each kind of thing that is limited.
struct Room {
  std::uint64_t families = 0;
  std::uint64_t series = 0;
  std::uint64_t cells = 0;
  std::uint64_t page_bytes = 0;
};

// True if of any kind that `left_out` wants there is so much more now than when it was left out
// that another try is worth its cost: all of it, or an eighth.
inline bool is_worth_another_try(const Room& left_out, const Room& then, const Room& now) noexcept {
  const auto has_come = [](std::uint64_t wanted, std::uint64_t before, std::uint64_t after) {
    return wanted != 0 && after > before && after - before >= std::min(wanted, wanted / 8 + 1);
  };
  return has_come(left_out.families, then.families, now.families) ||
         has_come(left_out.series, then.series, now.series) ||
         has_come(left_out.cells, then.cells, now.cells) ||
         has_come(left_out.page_bytes, then.page_bytes, now.page_bytes);
}

inline bool is_nothing(const Room& room) noexcept {
  return room.families == 0 && room.series == 0 && room.cells == 0 && room.page_bytes == 0;
}

}  // namespace notch::agent
