#include "agent/tally/left_out_sum.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/family/count_limits.h"
#include "agent/family/row_slots.h"
#include "agent/ledger/ledger_values.h"

namespace notch::agent {
namespace {

void move_to(std::map<std::int32_t, std::uint64_t>& from,
             std::vector<std::pair<std::int32_t, std::uint64_t>>& to) {
  to.assign(from.begin(), from.end());
  from.clear();
}

}  // namespace

LeftOutSum::LeftOutSum(const Tally& tally, const Binding& binding, const CellSource& cells)
    : tally_(tally),
      binding_(binding),
      cells_(cells),
      cells_left_(binding.file_cells - std::min(binding.file_cells, binding.cells)) {}

bool LeftOutSum::take_cells(std::uint64_t cells) {
  if (cells > cells_left_) return false;
  cells_left_ -= cells;
  return true;
}

LeftOutSum::Sum& LeftOutSum::sum_of(std::uint32_t family) {
  const auto [sum, is_new] = sums_.try_emplace(family);
  if (is_new) sum->second.total = empty_total(tally_.definition(family), 0);
  return sum->second;
}

void LeftOutSum::on_series(shm::SeriesEntry&& entry) {
  if (entry.series >= binding_.series.size() || entry.family >= binding_.families.size()) return;
  const std::uint32_t family = binding_.families[entry.family].family;
  if (family == kNoFamily || !tally_.outlives(family)) return;
  if (binding_.impossible_series.contains(entry.series)) return;
  const Family& definition = tally_.definition(family);
  const bool is_native = row_parts(definition).has_chunks;
  if (is_native) natives_[entry.series] = family;
  if (binding_.series[entry.series].row != kNoRow) return;
  const bool is_sum = row_kind(definition) != RowKind::kLastGauge;
  if (!is_sum || entry.cell_count != slot_count(definition) || !take_cells(entry.cell_count))
    return;
  RowChange change;
  change.slots = read_slots(definition, entry.first_cell, cells_, 0);
  if (!has_possible_buckets(definition, change.slots)) return;
  add_change(definition, change, sum_of(family).total);
}

// The binding has its chunks in the catalogue's order.
void LeftOutSum::on_chunk(const shm::ChunkEntry& entry) {
  if (next_chunk_ < binding_.chunks.size()) {
    const BoundChunk& bound = binding_.chunks[next_chunk_];
    if (bound.series == entry.series && bound.chunk == entry.chunk &&
        bound.negative == entry.negative && bound.first_cell == entry.first_cell) {
      ++next_chunk_;
      return;
    }
  }
  const auto native = natives_.find(entry.series);
  if (native == natives_.end() || !is_bucket_chunk(entry.chunk)) return;
  if (!take_cells(shm::kChunkBuckets)) return;
  std::array<std::uint64_t, shm::kChunkBuckets> buckets{};
  cells_.add_cells(entry.first_cell, buckets);
  if (!std::ranges::all_of(buckets, is_possible_bucket)) return;
  Sum& sum = sum_of(native->second);
  std::int32_t bucket = entry.chunk * static_cast<std::int32_t>(shm::kChunkBuckets);
  for (const std::uint64_t count : buckets) {
    if (count != 0) {
      std::uint64_t& total = (entry.negative ? sum.negative : sum.positive)[bucket];
      total = add_up_to(kMostBucketSum, total, count);
    }
    ++bucket;
  }
}

void LeftOutSum::add_to(Tally& tally, FoldDraft& draft) && {
  for (auto& [family, sum] : sums_) {
    move_to(sum.positive, sum.total.positive);
    move_to(sum.negative, sum.total.negative);
    draft.rows.push_back(tally.overflow_row(family, binding_.owner_uid));
    draft.changes.push_back(std::move(sum.total));
  }
}

}  // namespace notch::agent
