#include "agent/tally/fold_draft.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "agent/family/count_limits.h"
#include "agent/family/row_slots.h"
#include "agent/tally/native_chunks.h"

namespace notch::agent {
namespace {

std::uint64_t float_cell(const CellSource& cells, std::uint32_t cell) {
  double value = 0;
  cells.add_float_cells(cell, std::span(&value, 1));
  return std::bit_cast<std::uint64_t>(value);
}

// What a gauge of mode last says, its time at most `monotonic_ns`.
void read_last(std::uint32_t first_cell, const CellSource& cells, std::uint64_t monotonic_ns,
               std::span<std::uint64_t> pair) {
  pair[0] = cells.shared_cell(first_cell);
  if (!std::isfinite(std::bit_cast<double>(pair[0] ^ shm::kGaugeMask))) pair[0] = 0;
  pair[1] = pair[0] == 0 ? 0 : std::min(cells.shared_cell(first_cell + 1), monotonic_ns);
}

}  // namespace

std::vector<std::uint64_t> read_slots(const Family& family, std::uint32_t first_cell,
                                      const CellSource& cells, std::uint64_t monotonic_ns) {
  std::vector<std::uint64_t> slots(slot_count(family));
  const auto first = std::span(slots).first(first_slots(family));
  switch (row_parts(family).kind) {
    case SlotKind::kCount:
    case SlotKind::kBucket:
    case SlotKind::kSigned:
      cells.add_cells(first_cell, first);
      break;
    case SlotKind::kFloat:
      for (std::uint32_t i = 0; i < first.size(); ++i) first[i] = float_cell(cells, first_cell + i);
      break;
    case SlotKind::kLast:
      read_last(first_cell, cells, monotonic_ns, first);
      break;
    case SlotKind::kGauge:
      break;  // it leaves with its process
  }
  if (row_parts(family).has_sum) {
    slots.back() = float_cell(cells, first_cell + static_cast<std::uint32_t>(first.size()));
  }
  return slots;
}

bool has_possible_buckets(const Family& family, std::span<const std::uint64_t> slots) noexcept {
  return row_parts(family).kind != SlotKind::kBucket ||
         std::ranges::all_of(slots.first(first_slots(family)), is_possible_bucket);
}

void add_chunk(const BoundChunk& chunk, const CellSource& cells, RowChange& change) {
  std::array<std::uint64_t, shm::kChunkBuckets> buckets{};
  cells.add_cells(chunk.first_cell, buckets);
  for (std::uint32_t within = 0; within < buckets.size(); ++within) {
    const std::uint64_t count = buckets[within];
    if (count == 0) continue;
    if (!is_possible_bucket(count)) change.slots.clear();
    (chunk.negative ? change.negative : change.positive)
        .emplace_back(bucket_at(chunk.chunk, within), count);
  }
}

std::size_t drop_impossible(FoldDraft& draft) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < draft.changes.size(); ++i) {
    if (draft.changes[i].slots.empty()) continue;
    if (kept != i) draft.changes[kept] = std::move(draft.changes[i]);
    draft.rows[kept++] = draft.rows[i];
  }
  const std::size_t dropped = draft.changes.size() - kept;
  draft.changes.resize(kept);
  draft.rows.resize(kept);
  return dropped;
}

bool is_nothing(const RowChange& change) {
  return change.positive.empty() && change.negative.empty() &&
         std::ranges::all_of(change.slots, [](std::uint64_t slot) { return slot == 0; });
}

void order_buckets(std::vector<std::pair<std::int32_t, std::uint64_t>>& buckets) {
  std::ranges::sort(buckets);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (kept > 0 && buckets[kept - 1].first == buckets[i].first) {
      buckets[kept - 1].second =
          add_up_to(kMostBucketSum, buckets[kept - 1].second, buckets[i].second);
    } else {
      buckets[kept++] = buckets[i];
    }
  }
  buckets.resize(kept);
}

}  // namespace notch::agent
