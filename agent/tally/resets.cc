#include "agent/tally/resets.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "agent/family/row_slots.h"

namespace notch::agent {
namespace {

constexpr std::size_t kNoPlace = ~std::size_t{0};

}  // namespace

// The last row whose slots begin at or before `slot` (RT1 of row_table.h); its own, or a chunk's of some
// native row.
std::uint32_t Resets::row_before(std::uint32_t slot) const {
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

std::vector<Resets::ChunkPlace> Resets::chunk_places() const {
  std::vector<ChunkPlace> places;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].erased() || rows_[row].native == kNoNative) continue;
    for (const bool negative : {false, true}) {
      for (const NativeChunk& chunk : rows_.native(rows_[row]).side(negative)) {
        places.push_back({chunk.first_slot, row, chunk.chunk, negative});
      }
    }
  }
  std::ranges::sort(places, {}, &ChunkPlace::first_slot);
  return places;
}

RowChange& Resets::change_of(std::uint32_t row, std::size_t& place) {
  if (place == kNoPlace) {
    place = found_.rows.size();
    found_.rows.push_back(row);
    found_.changes.push_back(empty_total(rows_.definition_of(rows_[row]), 0));
  }
  return found_.changes[place];
}

void Resets::find() {
  found_ = {};
  std::unordered_map<std::uint32_t, std::size_t> place_of;  // row to its change
  const auto of_row = [&](std::uint32_t row) -> RowChange& {
    return change_of(row, place_of.try_emplace(row, kNoPlace).first->second);
  };
  std::vector<SlotReset> elsewhere;
  for (const SlotReset& reset : rows_.slots().resets()) {
    const std::uint32_t row = row_before(reset.slot);
    const std::uint32_t offset = row == kNoRow ? 0 : reset.slot - rows_[row].first_slot;
    if (row == kNoRow || rows_[row].erased() ||
        offset >= slot_count(rows_.definition_of(rows_[row]))) {
      elsewhere.push_back(reset);
    } else {
      of_row(row).slots[offset] = reset.amount;
    }
  }
  if (elsewhere.empty()) return keep_sums();
  const std::vector<ChunkPlace> chunks = chunk_places();
  for (const SlotReset& reset : elsewhere) {
    const auto after = std::ranges::upper_bound(chunks, reset.slot, {}, &ChunkPlace::first_slot);
    const bool found =
        after != chunks.begin() && reset.slot - std::prev(after)->first_slot < shm::kChunkBuckets;
    if (!found) {
      rows_.slots().forget_shown(reset.slot);  // of a row that was dropped
      continue;
    }
    const ChunkPlace& chunk = *std::prev(after);
    RowChange& change = of_row(chunk.row);
    (chunk.negative ? change.negative : change.positive)
        .emplace_back(bucket_at(chunk.chunk, reset.slot - chunk.first_slot), reset.amount);
  }
  keep_sums();
}

// The sum of a histogram may fall; but where its buckets were reset, the sum is shown that was shown with them.
void Resets::keep_sums() {
  for (std::size_t i = 0; i < found_.rows.size(); ++i) {
    const RowRecord& row = rows_[found_.rows[i]];
    const Family& family = rows_.definition_of(row);
    if (!row_parts(family).has_sum) continue;
    const std::uint32_t sum = first_slots(family);
    found_.changes[i].slots[sum] =
        std::bit_cast<std::uint64_t>(rows_.slots().keep_shown(row.first_slot + sum));
  }
}

FoldDraft Resets::take() {
  FoldDraft found = std::exchange(found_, {});
  FoldDraft kept;
  if (rows_.per_process()) return kept;
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    const std::uint32_t row = found.rows[i];
    if (!overflow_.keeps_own_fold(row) || rows_[row].folds_elsewhere) continue;
    std::ranges::sort(found.changes[i].positive);
    std::ranges::sort(found.changes[i].negative);
    kept.rows.push_back(row);
    kept.changes.push_back(std::move(found.changes[i]));
  }
  return kept;
}

void Resets::add(const FoldDraft& draft) {
  for (std::size_t i = 0; i < draft.rows.size(); ++i) rows_.fold(draft.rows[i], draft.changes[i]);
}

}  // namespace notch::agent
