// The tally's steps back: what sums fell by since the round before, made up for as if somebody dead
// had left it. A writer's step back is so read as Prometheus reads a counter's: as a reset.
// Called by: collect, at each gather; tally_snapshot.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/family/row_slots.h"

#include "agent/tally/tally.h"

namespace notch::agent {
namespace {

constexpr std::size_t kNoPlace = ~std::size_t{0};

}  // namespace

// The last row whose slots begin at or before `slot` (RT1); its own, or a chunk's of some native
// row.
std::uint32_t Tally::row_before(std::uint32_t slot) const {
  std::uint32_t first = 0;
  std::uint32_t last = rows_.size();
  while (first < last) {
    const std::uint32_t middle = first + (last - first) / 2;
    if (rows_[middle].first_slot <= slot) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first == 0 ? kNoRow : first - 1;
}

std::vector<Tally::ChunkPlace> Tally::chunk_places() const {
  std::vector<ChunkPlace> places;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].erased() || rows_[row].native == kNoNative) continue;
    const NativeRow& native = natives_[rows_[row].native];
    for (const NativeChunk& chunk : native.positive) {
      places.push_back({chunk.first_slot, row, chunk.chunk, false});
    }
    for (const NativeChunk& chunk : native.negative) {
      places.push_back({chunk.first_slot, row, chunk.chunk, true});
    }
  }
  std::ranges::sort(places, {}, &ChunkPlace::first_slot);
  return places;
}

RowChange& Tally::back_step_of(std::uint32_t row, std::size_t& place) {
  if (place == kNoPlace) {
    place = back_steps_.rows.size();
    back_steps_.rows.push_back(row);
    back_steps_.changes.push_back(empty_total(definition(rows_[row].family), 0));
  }
  return back_steps_.changes[place];
}

// Cost: a search for each step; and if any is no row's own slot, one pass over the rows.
void Tally::find_back_steps() {
  back_steps_ = {};
  std::unordered_map<std::uint32_t, std::size_t> place_of;  // row to its change
  const auto change_of = [&](std::uint32_t row) -> RowChange& {
    return back_step_of(row, place_of.try_emplace(row, kNoPlace).first->second);
  };
  std::vector<BackStep> elsewhere;
  for (const BackStep& step : slots_.back_steps()) {
    const std::uint32_t row = row_before(step.slot);
    const std::uint32_t offset = row == kNoRow ? 0 : step.slot - rows_[row].first_slot;
    if (row == kNoRow || rows_[row].erased() ||
        offset >= slot_count(definition(rows_[row].family))) {
      elsewhere.push_back(step);
    } else {
      change_of(row).slots[offset] = step.amount;
    }
  }
  if (elsewhere.empty()) return hold_sums();
  const std::vector<ChunkPlace> chunks = chunk_places();
  for (const BackStep& step : elsewhere) {
    const auto after = std::ranges::upper_bound(chunks, step.slot, {}, &ChunkPlace::first_slot);
    const bool found =
        after != chunks.begin() && step.slot - std::prev(after)->first_slot < shm::kChunkBuckets;
    if (!found) {
      slots_.let_fall(step.slot);  // of a row that was dropped
      continue;
    }
    const ChunkPlace& chunk = *std::prev(after);
    const std::int32_t bucket = chunk.chunk * static_cast<std::int32_t>(shm::kChunkBuckets) +
                                static_cast<std::int32_t>(step.slot - chunk.first_slot);
    RowChange& change = change_of(chunk.row);
    (chunk.negative ? change.negative : change.positive).emplace_back(bucket, step.amount);
  }
  hold_sums();
}

// Sums may fall, but not alone: whose buckets were held shows the sum that was shown with them.
void Tally::hold_sums() {
  for (std::size_t i = 0; i < back_steps_.rows.size(); ++i) {
    const RowRecord& row = rows_[back_steps_.rows[i]];
    const Family& family = definition(row.family);
    if (!is_histogram(family)) continue;
    const std::uint32_t sum = slot_count(family) - 1;
    back_steps_.changes[i].slots[sum] =
        std::bit_cast<std::uint64_t>(slots_.hold(row.first_slot + sum));
  }
}

FoldDraft Tally::take_back_steps() {
  FoldDraft found = std::exchange(back_steps_, {});
  FoldDraft kept;
  if (options_.per_process) return kept;
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    const std::uint32_t row = found.rows[i];
    if (!keeps_own_fold(row) || parts_elsewhere_.contains(row)) continue;
    std::ranges::sort(found.changes[i].positive);
    std::ranges::sort(found.changes[i].negative);
    kept.rows.push_back(row);
    kept.changes.push_back(std::move(found.changes[i]));
  }
  return kept;
}

void Tally::apply_back_steps(const FoldDraft& draft) {
  for (std::size_t i = 0; i < draft.rows.size(); ++i) fold_change(draft.rows[i], draft.changes[i]);
}

}  // namespace notch::agent
