#include "agent/tally/living_rows.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "agent/family/row_slots.h"

namespace notch::agent {

// --- bound ---

std::uint32_t LivingRows::bind_row(std::uint32_t family, std::string_view labels,
                                   const NewRow& made) {
  std::uint32_t row = rows_.find(family, labels);
  if (row == kNoRow) {
    const Family& made_of = rows_.definition(family);
    if (page_bytes(made_of, page_lines(made_of), labels.size()) >
        rows_.quota().page_bytes_left(made.owner_uid)) {
      return kNoRow;
    }
    row = rows_.add(family, labels, made.owner_uid);
    // Not of a known row: it has been shown, and stays.
    rows_.record(row).group = made.group;
    rows_.record(row).created_unix_s = made.zero_unix_s;
  } else {
    // Not yet shown, it may have amounts older than the process it was made for.
    std::uint32_t& created_unix_s = rows_.record(row).created_unix_s;
    if (!rows_.was_shown(row)) created_unix_s = std::min(created_unix_s, made.zero_unix_s);
    if (rows_[row].owner_uid == kUnknownOwner) rows_.own(row, made.owner_uid);
  }
  if (++rows_.record(row).living == 1) rows_.recharge(row);  // LW1
  return row;
}

bool LivingRows::has_chunk_room(std::uint32_t row, std::int32_t chunk, bool negative) const {
  const RowRecord& record = rows_[row];
  const std::vector<NativeChunk>& chunks = rows_.native(record).side(negative);
  const Family& family = rows_.definition_of(record);
  std::int32_t first = chunk;
  std::int32_t last = chunk;
  std::uint64_t before = 0;
  if (!chunks.empty()) {
    first = std::min(first, chunks.front().chunk);
    last = std::max(last, chunks.back().chunk);
    before = native_lines(family.schema, chunks.front().chunk, chunks.back().chunk);
  }
  const std::uint64_t more = native_lines(family.schema, first, last) - before;
  return page_bytes(family, more, record.text_bytes) <=
         rows_.quota().page_bytes_left(record.owner_uid);
}

void LivingRows::attach(Binding& binding) {
  binding.place = bindings_.size();
  bindings_.push_back(&binding);
}

void LivingRows::detach(Binding& binding, const Moment& now) {
  for (const BoundSeries& series : binding.series) {
    if (series.row != kNoRow) leave(series.row, now);
  }
  FamilyTable& families = rows_.families();
  for (const BoundFamily& bound : binding.families) {
    if (bound.family == kNoFamily) continue;
    families.leave(bound.family, binding.owner_uid);
    families.release(bound.family);
  }
  for (const Challenge& challenge : binding.challenges) {
    families.withdraw(challenge, binding.owner_uid);
  }
  binding.challenges.clear();
  binding.series.clear();
  binding.families.clear();
  binding.chunks.clear();
  binding.runs.clear();
  bindings_[binding.place] = bindings_.back();
  bindings_[binding.place]->place = binding.place;
  bindings_.pop_back();
}

void LivingRows::leave(std::uint32_t row, const Moment& now) {
  if (--rows_.record(row).living == 0) lose_last(row, now);
}

void LivingRows::lose_last(std::uint32_t row, const Moment& now) {
  const bool nothing_folded = rows_[row].ledger_row == kNoLedgerId;
  if (!rows_.outlives(rows_[row].family) ||
      (nothing_folded && !rows_.quota().takes_dead(rows_[row].owner_uid, 0))) {
    rows_.erase(row);
    return;
  }
  rows_.see(row, now.boot_s);
  rows_.recharge(row);
}

// Slots keep their order and none of a run's is dropped (BG2 of binding.h), so a run stays a run.
void LivingRows::move(const RowStore::Moved& moved) {
  for (Binding* binding : bindings_) {
    for (Run& run : binding->runs) run.first_slot = moved.slots[run.first_slot];
    for (BoundSeries& series : binding->series) {
      if (series.row != kNoRow) series.row = moved.rows[series.row];
    }
  }
}

// --- added up ---

void LivingRows::add(Binding& binding, const CellSource& cells, const Moment& now) {
  SlotStore& slots = rows_.slots();
  if (slots.add(binding.runs, cells, now.monotonic_ns)) return;
  if (slots.impossible().empty()) return;  // cut off
  leave_out_impossible(binding, now);
  // A writer that writes into the next series meanwhile adds nothing in this round.
  slots.add(binding.runs, cells, now.monotonic_ns);
}

SlotRange LivingRows::slots_of(std::uint32_t row) const {
  const std::uint32_t first = rows_[row].first_slot;
  return {first, first + slot_count(rows_.definition_of(rows_[row]))};
}

// Keeps LW2. Cost: one pass over the segment's series, chunks and runs.
void LivingRows::leave_out_impossible(Binding& binding, const Moment& now) {
  const std::vector<std::uint32_t>& impossible = rows_.slots().impossible();
  const auto chunk_slots = [&](const BoundChunk& chunk) -> SlotRange {
    const std::uint32_t first =
        rows_.chunk_slots(binding.series[chunk.series].row, chunk.chunk, chunk.negative);
    return {first, first + shm::kChunkBuckets};
  };
  std::unordered_set<std::uint32_t> rows;  // several series of a segment may share one
  for (const BoundSeries& series : binding.series) {
    if (series.row == kNoRow) continue;
    if (holds_any(impossible, slots_of(series.row))) rows.insert(series.row);
  }
  for (const BoundChunk& chunk : binding.chunks) {
    const std::uint32_t row = binding.series[chunk.series].row;
    if (row != kNoRow && holds_any(impossible, chunk_slots(chunk))) rows.insert(row);
  }
  std::vector<SlotRange> ranges;
  for (const std::uint32_t row : rows) ranges.push_back(slots_of(row));
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
    leave(row, now);
  }
}

void LivingRows::take_exemplars(const Binding& binding,
                                std::span<const shm::ExemplarEntry> entries) {
  for (const shm::ExemplarEntry& entry : entries) {
    if (!std::isfinite(entry.value)) continue;
    const auto chunk = std::ranges::find_if(binding.chunks, [&entry](const BoundChunk& bound) {
      return entry.cell - bound.first_cell < shm::kChunkBuckets;
    });
    if (chunk != binding.chunks.end()) {
      if (const std::uint32_t row = binding.series[chunk->series].row; row != kNoRow) {
        rows_.exemplars().keep_native(row, entry);
      }
      continue;
    }
    // The last series that begins at or before the cell; writers hand cells out in order.
    auto after = std::ranges::upper_bound(binding.series, entry.cell, {}, &BoundSeries::first_cell);
    if (after == binding.series.begin()) continue;
    const BoundSeries& series = *--after;
    if (series.row == kNoRow) continue;
    const Family& family = rows_.definition_of(rows_[series.row]);
    const std::uint32_t offset = entry.cell - series.first_cell;
    if (family.type == MetricType::kCounter && offset == 0) {
      rows_.exemplars().keep(series.row, offset, entry);
    } else if (family.type == MetricType::kHistogram && offset <= family.bounds.size() &&
               (offset == family.bounds.size() || entry.value <= family.bounds[offset]) &&
               (offset == 0 || entry.value > family.bounds[offset - 1])) {
      rows_.exemplars().keep(series.row, offset, entry);
    }
  }
}

}  // namespace notch::agent
