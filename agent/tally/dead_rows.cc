#include "agent/tally/dead_rows.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "agent/family/row_slots.h"

namespace notch::agent {

// --- to the ledger ---

FoldDraft DeadRows::draft_fold(const Binding& binding, const CellSource& cells, const Moment& now) {
  FoldDraft draft;
  std::unordered_map<std::uint32_t, std::size_t> of_native;  // series to its change
  for (std::uint32_t i = 0; i < binding.series.size(); ++i) {
    const BoundSeries& series = binding.series[i];
    if (series.row == kNoRow || !rows_.outlives(rows_[series.row].family)) continue;
    const Family& family = rows_.definition_of(rows_[series.row]);
    RowChange change;
    change.slots = read_slots(family, series.first_cell, cells, now.monotonic_ns);
    const bool is_native = row_parts(family).has_chunks;
    if (!is_native && is_nothing(change)) continue;
    if (!has_possible_buckets(family, change.slots)) change.slots.clear();
    if (is_native) of_native[i] = draft.changes.size();
    draft.rows.push_back(series.row);
    draft.changes.push_back(std::move(change));
  }
  for (const BoundChunk& chunk : binding.chunks) {
    const auto found = of_native.find(chunk.series);
    if (found != of_native.end()) add_chunk(chunk, cells, draft.changes[found->second]);
  }
  impossible_series_ += drop_impossible(draft);
  for (RowChange& change : draft.changes) {
    order_buckets(change.positive);
    order_buckets(change.negative);
  }
  return draft;
}

void DeadRows::number_fold(FoldDraft& draft, Ledger& ledger) {
  std::size_t kept = 0;
  std::unordered_map<std::uint32_t, std::size_t> of_overflow;  // overflow row to its one change
  for (std::size_t i = 0; i < draft.rows.size(); ++i) {
    if (is_nothing(draft.changes[i])) continue;
    const std::uint32_t row = draft.rows[i];
    const std::uint32_t target = overflow_.target_of(row);
    if (target != row) draft.overflowed.push_back(row);
    if (target == kNoRow) continue;
    if (overflow_.is_overflow(target)) {
      const auto [first, is_first] = of_overflow.try_emplace(target, kept);
      if (!is_first) {
        add_change(rows_.definition_of(rows_[target]), draft.changes[i],
                   draft.changes[first->second]);
        continue;
      }
    }
    if (kept != i) draft.changes[kept] = std::move(draft.changes[i]);
    draft.rows[kept] = target;
    draft.changes[kept].row = rows_.ledger_row(target, ledger);
    ++kept;
  }
  draft.rows.resize(kept);
  draft.changes.resize(kept);
}

void DeadRows::add(const FoldDraft& draft, const Moment& now) {
  for (std::size_t i = 0; i < draft.rows.size(); ++i) {
    rows_.fold(draft.rows[i], draft.changes[i]);
    rows_.see(draft.rows[i], now.boot_s);
  }
}

// --- from the ledger ---

std::vector<std::uint32_t> DeadRows::restore_families(const std::vector<Family>& definitions) {
  FamilyTable& known = rows_.families();
  std::vector<std::uint32_t> families;
  std::vector<std::uint32_t> replaced;
  for (std::uint32_t i = 0; i < definitions.size(); ++i) {
    families.push_back(known.restore(definitions[i], replaced));
    if (families.back() != kNoFamily) known.set_ledger_family(families.back(), i);
  }
  for (std::uint32_t& family : families) {
    if (std::ranges::find(replaced, family) != replaced.end()) family = kNoFamily;
  }
  return families;
}

void DeadRows::restore(const Recovered& recovered) {
  const std::vector<std::uint32_t> families = restore_families(recovered.families);
  for (std::uint32_t i = 0; i < recovered.rows.size(); ++i) {
    const RecoveredRow& old = recovered.rows[i];
    restore_row(old, i, old.family < families.size() ? families[old.family] : kNoFamily);
  }
  FamilyTable& known = rows_.families();
  for (std::uint32_t family = 0; family < known.size(); ++family) known.release(family);
}

void DeadRows::restore_row(const RecoveredRow& old, std::uint32_t id, std::uint32_t family) {
  if (family == kNoFamily || !rows_.families().may_have_part(family, old.owner_uid)) {
    rows_.make_ledger_stale();
    return;
  }
  std::uint32_t row = rows_.find(family, old.labels);
  if (row == kNoRow) {
    row = rows_.add(family, old.labels, old.owner_uid);
    rows_.take_ledger_row(row, id);
  } else {
    rows_.make_ledger_stale();  // which has it twice
  }
  const auto last_seen = static_cast<std::uint32_t>(old.last_seen_boot_s);
  rows_.see(row, std::max(rows_[row].last_seen_boot_s, last_seen));
  rows_.fold(row, old.total);
  rows_.recharge(row);
}

KeptRows DeadRows::kept(const Moment& now) const {
  KeptRows dead;
  std::vector<std::uint32_t> index_of(rows_.families().size(), kNoFamily);
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    const RowRecord& record = rows_[row];
    if (record.erased() || record.ledger_row == kNoLedgerId) continue;
    if (index_of[record.family] == kNoFamily) {
      index_of[record.family] = static_cast<std::uint32_t>(dead.families.size());
      dead.families.push_back(rows_.owned_definition(record.family));
      dead.family_ids.push_back(record.family);
    }
    RecoveredRow kept;
    kept.family = index_of[record.family];
    kept.labels = record.labels();
    kept.owner_uid = record.owner_uid;
    kept.last_seen_boot_s = record.living != 0
                                ? now.boot_s
                                : std::min<std::uint64_t>(record.last_seen_boot_s, now.boot_s);
    kept.total = rows_.folded_total(record);
    kept.total.row = static_cast<std::uint32_t>(dead.rows.size());
    dead.rows.push_back(std::move(kept));
    dead.row_ids.push_back(row);
  }
  return dead;
}

std::uint64_t DeadRows::retire(const Moment& now, std::uint64_t retention_s) {
  if (retention_s == 0) return 0;
  std::uint64_t retired = 0;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].erased() || rows_[row].living != 0) continue;
    const auto now_boot_s = static_cast<std::uint32_t>(now.boot_s);
    rows_.see(row, std::min(rows_[row].last_seen_boot_s, now_boot_s));
    if (rows_[row].last_seen_boot_s + retention_s > now.boot_s) continue;
    rows_.erase_and_release(row);
    ++retired;
  }
  return retired;
}

}  // namespace notch::agent
