// Runs without the slots of series that are left out. Called by: living_rows.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/tally/binding.h"

namespace notch::agent {

struct SlotRange {
  std::uint32_t first = 0;
  std::uint32_t end = 0;
};

bool holds_any(const std::vector<std::uint32_t>& ascending, SlotRange range);

// `runs` without the slots of `ranges`, which ascend.
std::vector<Run> without(const std::vector<Run>& runs, const std::vector<SlotRange>& ranges);

}  // namespace notch::agent
