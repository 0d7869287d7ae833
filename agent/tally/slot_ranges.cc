#include "agent/tally/slot_ranges.h"

#include <algorithm>

namespace notch::agent {

bool holds_any(const std::vector<std::uint32_t>& ascending, SlotRange range) {
  const auto found = std::ranges::lower_bound(ascending, range.first);
  return found != ascending.end() && *found < range.end;
}

std::vector<Run> without(const std::vector<Run>& runs, const std::vector<SlotRange>& ranges) {
  std::vector<Run> kept;
  const auto keep = [&kept](const Run& run, std::uint32_t from, std::uint32_t to) {
    if (from < to) {
      kept.push_back({run.first_cell + (from - run.first_slot), to - from, from, run.kind});
    }
  };
  for (const Run& run : runs) {
    const std::uint32_t end = run.first_slot + run.cells;
    std::uint32_t from = run.first_slot;
    auto range = std::ranges::upper_bound(ranges, from, {}, &SlotRange::end);
    for (; range != ranges.end() && range->first < end; ++range) {
      keep(run, from, std::max(from, range->first));
      from = std::min(end, std::max(from, range->end));
    }
    keep(run, from, end);
  }
  return kept;
}

}  // namespace notch::agent
