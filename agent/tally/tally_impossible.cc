// The tally's living segments: what they say is added up, but for series with a bucket that no
// process can have reached (count_limits.h). Such a series takes no more part: what it had added
// before stays, as that of a dead process does.
// Called by: collect, at each gather.
#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <vector>

#include "agent/family/row_slots.h"

#include "agent/tally/tally.h"

namespace notch::agent {
namespace {

struct SlotRange {
  std::uint32_t first;
  std::uint32_t end;
};

bool holds_any(const std::vector<std::uint32_t>& ascending, SlotRange range) {
  const auto found = std::ranges::lower_bound(ascending, range.first);
  return found != ascending.end() && *found < range.end;
}

// `runs` without the slots of `ranges`, which ascend.
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

}  // namespace

void Tally::add(Binding& binding, const CellSource& cells, const Moment& now) {
  if (slots_.add(binding.runs, cells, now.monotonic_ns)) return;
  if (slots_.impossible().empty()) return;  // cut off
  leave_out_impossible(binding, now);
  // A writer that writes into the next series meanwhile adds nothing in this round.
  slots_.add(binding.runs, cells, now.monotonic_ns);
}

// Cost: one pass over the segment's series, chunks and runs.
void Tally::leave_out_impossible(Binding& binding, const Moment& now) {
  const auto own_slots = [this](std::uint32_t row) -> SlotRange {
    const std::uint32_t first = rows_[row].first_slot;
    return {first, first + slot_count(definition(rows_[row].family))};
  };
  const auto chunk_slots = [&](const BoundChunk& chunk) -> SlotRange {
    const std::uint32_t first =
        bind_chunk(binding.series[chunk.series].row, chunk.chunk, chunk.negative);
    return {first, first + shm::kChunkBuckets};
  };
  std::unordered_set<std::uint32_t> rows;  // several series of a segment may share one
  for (const BoundSeries& series : binding.series) {
    if (series.row == kNoRow) continue;
    if (holds_any(slots_.impossible(), own_slots(series.row))) rows.insert(series.row);
  }
  for (const BoundChunk& chunk : binding.chunks) {
    const std::uint32_t row = binding.series[chunk.series].row;
    if (row != kNoRow && holds_any(slots_.impossible(), chunk_slots(chunk))) rows.insert(row);
  }
  std::vector<SlotRange> ranges;
  for (const std::uint32_t row : rows) ranges.push_back(own_slots(row));
  for (const BoundChunk& chunk : binding.chunks) {
    if (rows.contains(binding.series[chunk.series].row)) ranges.push_back(chunk_slots(chunk));
  }
  std::ranges::sort(ranges, {}, &SlotRange::first);
  binding.runs = without(binding.runs, ranges);
  for (std::uint32_t i = 0; i < binding.series.size(); ++i) {
    const std::uint32_t row = binding.series[i].row;
    if (row == kNoRow || !rows.contains(row)) continue;
    binding.series[i].row = kNoRow;
    binding.impossible_series.insert(i);
    ++impossible_series_;
    if (--rows_[row].living == 0) lose_last_living(row, now);
  }
}

}  // namespace notch::agent
