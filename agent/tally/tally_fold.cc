// The tally's dead: from a segment's last numbers to changes of rows, to the ledger and back.
// Called by: collect, when the ledger is opened, and deaths at each fold.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <unordered_map>

#include "agent/family/label_text.h"
#include "agent/family/row_slots.h"
#include "agent/tally/tally.h"

namespace notch::agent {
namespace {

std::uint64_t float_cell(const CellSource& cells, std::uint32_t cell) {
  double value = 0;
  cells.add_float_cells(cell, std::span(&value, 1));
  return std::bit_cast<std::uint64_t>(value);
}

// Index of the first slot that is a double to be added; slots before it are integers.
std::size_t first_float(const Family& family) {
  if (family.type == MetricType::kCounter) return family.number == Number::kFloat ? 0 : 1;
  return slot_count(family) - 1;
}

}  // namespace

std::vector<std::uint64_t> read_slots(const Family& family, std::uint32_t first_cell,
                                      const CellSource& cells, std::uint64_t monotonic_ns) {
  std::vector<std::uint64_t> slots(slot_count(family));
  if (family.type == MetricType::kGauge) {
    slots[0] = cells.shared_cell(first_cell);
    if (!std::isfinite(std::bit_cast<double>(slots[0] ^ shm::kGaugeMask))) slots[0] = 0;
    slots[1] = slots[0] == 0 ? 0 : std::min(cells.shared_cell(first_cell + 1), monotonic_ns);
    return slots;
  }
  const std::size_t integers = first_float(family);
  if (integers > 0) cells.add_cells(first_cell, std::span(slots).first(integers));
  for (std::size_t i = integers; i < slots.size(); ++i) {
    slots[i] = float_cell(cells, first_cell + static_cast<std::uint32_t>(i));
  }
  return slots;
}

// All slots but the sum are buckets.
bool has_possible_buckets(const Family& family, std::span<const std::uint64_t> slots) noexcept {
  return !is_histogram(family) ||
         std::ranges::all_of(slots.first(slots.size() - 1), is_possible_bucket);
}

namespace {

// Those without slots were found impossible. Returns how many.
std::uint64_t drop_impossible(FoldDraft& draft) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < draft.changes.size(); ++i) {
    if (draft.changes[i].slots.empty()) continue;
    if (kept != i) draft.changes[kept] = std::move(draft.changes[i]);
    draft.rows[kept++] = draft.rows[i];
  }
  const std::uint64_t dropped = draft.changes.size() - kept;
  draft.changes.resize(kept);
  draft.rows.resize(kept);
  return dropped;
}

bool is_nothing(const RowChange& change) {
  return change.positive.empty() && change.negative.empty() &&
         std::ranges::all_of(change.slots, [](std::uint64_t slot) { return slot == 0; });
}

// Ascending, each bucket once, however often a writer published the same chunk.
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

}  // namespace

FoldDraft Tally::draft_fold(const Binding& binding, const CellSource& cells, const Moment& now) {
  FoldDraft draft;
  std::unordered_map<std::uint32_t, std::size_t> of_native;  // series to its change
  for (std::uint32_t i = 0; i < binding.series.size(); ++i) {
    const BoundSeries& series = binding.series[i];
    if (series.row == kNoRow || !outlives(rows_[series.row])) continue;
    const Family& family = definition(rows_[series.row].family);
    RowChange change;
    change.slots = read_slots(family, series.first_cell, cells, now.monotonic_ns);
    const bool is_native = family.type == MetricType::kNativeHistogram;
    if (!is_native && is_nothing(change)) continue;
    if (!has_possible_buckets(family, change.slots)) change.slots.clear();
    if (is_native) of_native[i] = draft.changes.size();
    draft.rows.push_back(series.row);
    draft.changes.push_back(std::move(change));
  }
  for (const BoundChunk& chunk : binding.chunks) {
    const auto found = of_native.find(chunk.series);
    if (found == of_native.end()) continue;
    RowChange& change = draft.changes[found->second];
    std::array<std::uint64_t, shm::kChunkBuckets> buckets{};
    cells.add_cells(chunk.first_cell, buckets);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(buckets.size()); ++i) {
      const std::uint64_t count = buckets[static_cast<std::size_t>(i)];
      if (count == 0) continue;
      if (!is_possible_bucket(count)) change.slots.clear();
      const std::int32_t bucket = chunk.chunk * static_cast<std::int32_t>(shm::kChunkBuckets) + i;
      (chunk.negative ? change.negative : change.positive).emplace_back(bucket, count);
    }
  }
  impossible_series_ += drop_impossible(draft);
  for (RowChange& change : draft.changes) {
    order_buckets(change.positive);
    order_buckets(change.negative);
  }
  return draft;
}

std::uint32_t Tally::fold_target(std::uint32_t row) {
  if (keeps_own_fold(row)) return row;
  const RowRecord& record = rows_[row];
  // The last value set is no part of a total.
  if (definition(record.family).combine == Combine::kLast) return kNoRow;
  return overflow_row(record.family, record.owner_uid);
}

std::uint32_t Tally::ledger_row(std::uint32_t row, Ledger& ledger) {
  if (rows_[row].ledger_row == kNoLedgerId) {
    const std::uint32_t family = rows_[row].family;
    if (families_.ledger_family(family) == kNoLedgerId) {
      families_.set_ledger_family(family, ledger.define_family(owned_definition(family)));
    }
    rows_[row].ledger_row = ledger.define_row(families_.ledger_family(family), rows_[row].labels(),
                                              rows_[row].owner_uid);
    ++ledger_rows_;
    recharge(row);
  }
  return rows_[row].ledger_row;
}

void Tally::number_fold(FoldDraft& draft, Ledger& ledger) {
  std::size_t kept = 0;
  std::unordered_map<std::uint32_t, std::size_t> of_overflow;  // overflow row to its one change
  for (std::size_t i = 0; i < draft.rows.size(); ++i) {
    if (is_nothing(draft.changes[i])) continue;
    const std::uint32_t row = draft.rows[i];
    const std::uint32_t target = fold_target(row);
    if (target != row) draft.overflowed.push_back(row);
    if (target == kNoRow) continue;
    if (is_overflow_row(target)) {
      const auto [first, is_first] = of_overflow.try_emplace(target, kept);
      if (!is_first) {
        add_change(definition(rows_[target].family), draft.changes[i],
                   draft.changes[first->second]);
        continue;
      }
    }
    if (kept != i) draft.changes[kept] = std::move(draft.changes[i]);
    draft.rows[kept] = target;
    draft.changes[kept].row = ledger_row(target, ledger);
    ++kept;
  }
  draft.rows.resize(kept);
  draft.changes.resize(kept);
}

void Tally::fold_change(std::uint32_t row, const RowChange& change) {
  const Family& family = definition(rows_[row].family);
  const std::uint32_t first = rows_[row].first_slot;
  if (change.slots.size() != slot_count(family)) return;  // a ledger of other shapes
  if (family.type == MetricType::kGauge) {
    if (family.combine == Combine::kLast) {
      slots_.fold_last(first, change.slots[0], change.slots[1]);
    }
    return;
  }
  for (std::uint32_t i = 0; i < change.slots.size(); ++i) {
    if (i < first_float(family)) {
      if (is_histogram(family)) {
        slots_.fold_bucket(first + i, change.slots[i]);
      } else {
        slots_.fold_count(first + i, change.slots[i]);
      }
    } else {
      slots_.fold_float(first + i, change.slots[i]);
    }
  }
  if (family.type != MetricType::kNativeHistogram) return;
  constexpr auto kBuckets = static_cast<std::int32_t>(shm::kChunkBuckets);
  for (const bool negative : {false, true}) {
    for (const auto& [bucket, count] : negative ? change.negative : change.positive) {
      const std::int32_t within = ((bucket % kBuckets) + kBuckets) % kBuckets;
      const std::uint32_t slots = bind_chunk(row, (bucket - within) / kBuckets, negative);
      slots_.fold_bucket(slots + static_cast<std::uint32_t>(within), count);
    }
  }
}

void Tally::apply_fold(const FoldDraft& draft, Binding& binding, const Moment& now) {
  for (std::size_t i = 0; i < draft.rows.size(); ++i) {
    fold_change(draft.rows[i], draft.changes[i]);
    rows_[draft.rows[i]].last_seen_boot_s = static_cast<std::uint32_t>(now.boot_s);
  }
  detach(binding, now);
  for (const std::uint32_t row : draft.overflowed) {
    ++overflowed_rows_;
    // Its numbers stand in the overflow row now: shown under both they would count twice.
    if (rows_[row].erased()) continue;
    if (rows_[row].living != 0) {
      parts_elsewhere_.insert(row);
      continue;
    }
    const std::uint32_t family = rows_[row].family;
    erase_row(row);
    families_.release(family);
  }
}

Family Tally::owned_definition(std::uint32_t family) const {
  Family owned = definition(family);
  owned.owner_uid = families_.owner(family);
  return owned;
}

std::vector<std::uint32_t> Tally::restore_families(const std::vector<Family>& definitions) {
  std::vector<std::uint32_t> families;
  std::vector<std::uint32_t> replaced;
  for (std::uint32_t i = 0; i < definitions.size(); ++i) {
    families.push_back(families_.restore(definitions[i], replaced));
    if (families.back() != kNoFamily) families_.set_ledger_family(families.back(), i);
  }
  for (std::uint32_t& family : families) {
    if (std::ranges::find(replaced, family) != replaced.end()) family = kNoFamily;
  }
  return families;
}

void Tally::restore(const Recovered& recovered) {
  const std::vector<std::uint32_t> families = restore_families(recovered.families);
  for (std::uint32_t i = 0; i < recovered.rows.size(); ++i) {
    const RecoveredRow& old = recovered.rows[i];
    const std::uint32_t family = old.family < families.size() ? families[old.family] : kNoFamily;
    if (family == kNoFamily || !families_.may_have_part(family, old.owner_uid)) {
      ledger_is_stale_ = true;
      continue;
    }
    std::uint32_t row = rows_.find(family, old.labels);
    if (row == kNoRow) {
      row = add_row(family, old.labels, old.owner_uid);
      ++ledger_rows_;
      rows_[row].ledger_row = i;
    } else {
      ledger_is_stale_ = true;  // which has it twice
    }
    const auto last_seen = static_cast<std::uint32_t>(old.last_seen_boot_s);
    rows_[row].last_seen_boot_s = std::max(rows_[row].last_seen_boot_s, last_seen);
    fold_change(row, old.total);
    recharge(row);
  }
  for (std::uint32_t family = 0; family < families_.size(); ++family) families_.release(family);
}

RowChange Tally::folded_total(const RowRecord& row) const {
  RowChange total;
  for (std::uint32_t i = 0; i < slot_count(definition(row.family)); ++i) {
    total.slots.push_back(slots_.folded(row.first_slot + i));
  }
  if (row.native == kNoNative) return total;
  const NativeRow& native = natives_[row.native];
  const auto take = [this](const std::vector<NativeChunk>& chunks, auto& buckets) {
    constexpr auto kBuckets = static_cast<std::int32_t>(shm::kChunkBuckets);
    for (const NativeChunk& chunk : chunks) {
      for (std::int32_t i = 0; i < kBuckets; ++i) {
        const std::uint64_t count = slots_.folded(chunk.first_slot + static_cast<std::uint32_t>(i));
        if (count != 0) buckets.emplace_back(chunk.chunk * kBuckets + i, count);
      }
    }
  };
  take(native.positive, total.positive);
  take(native.negative, total.negative);
  return total;
}

DeadRows Tally::dead_rows(const Moment& now) const {
  DeadRows dead;
  std::vector<std::uint32_t> index_of(families_.size(), kNoFamily);
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    const RowRecord& record = rows_[row];
    if (record.erased() || record.ledger_row == kNoLedgerId) continue;
    if (index_of[record.family] == kNoFamily) {
      index_of[record.family] = static_cast<std::uint32_t>(dead.families.size());
      dead.families.push_back(owned_definition(record.family));
      dead.family_ids.push_back(record.family);
    }
    RecoveredRow kept;
    kept.family = index_of[record.family];
    kept.labels = record.labels();
    kept.owner_uid = record.owner_uid;
    kept.last_seen_boot_s = record.living != 0
                                ? now.boot_s
                                : std::min<std::uint64_t>(record.last_seen_boot_s, now.boot_s);
    kept.total = folded_total(record);
    kept.total.row = static_cast<std::uint32_t>(dead.rows.size());
    dead.rows.push_back(std::move(kept));
    dead.row_ids.push_back(row);
  }
  return dead;
}

void Tally::renumber(const DeadRows& kept) {
  for (std::uint32_t family = 0; family < families_.size(); ++family) {
    families_.set_ledger_family(family, kNoLedgerId);
  }
  for (std::uint32_t i = 0; i < kept.family_ids.size(); ++i) {
    families_.set_ledger_family(kept.family_ids[i], i);
  }
  for (std::uint32_t i = 0; i < kept.row_ids.size(); ++i) rows_[kept.row_ids[i]].ledger_row = i;
  ledger_is_stale_ = false;
}

}  // namespace notch::agent
