#include "agent/tally/overflow_rows.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "agent/family/row_slots.h"
#include "agent/tally/overflow_labels.h"

namespace notch::agent {
namespace {

constexpr int kMostUsers = 16;  // folded away from in one call

}  // namespace

bool OverflowRows::is_overflow(std::uint32_t row) const {
  return is_overflow_of_users(rows_[row].labels());
}

bool OverflowRows::keeps_own_fold(std::uint32_t row) const {
  const RowRecord& record = rows_[row];
  if (record.ledger_row != kNoLedgerId || is_overflow(row)) return true;
  const std::uint64_t bytes = ledger_bytes(rows_.definition_of(record), record.text_bytes);
  if (rows_.quota().takes_dead(record.owner_uid, bytes)) return true;
  const bool others_have_a_part = record.living > 1;
  return others_have_a_part && rows_.quota().takes_shared(record.owner_uid);
}

std::uint32_t OverflowRows::target_of(std::uint32_t row) {
  if (keeps_own_fold(row)) return row;
  const RowRecord& record = rows_[row];
  // The last value set is no part of a total.
  if (row_kind(rows_.definition_of(record)) == RowKind::kLastGauge) return kNoRow;
  return of_user(record.family, record.owner_uid);
}

std::uint32_t OverflowRows::of_user(std::uint32_t family, std::uint32_t uid) {
  // One that is there stays in use; the shared one takes what there is no room for.
  const bool has_user = uid < kManyOwners;
  const std::string own = has_user ? own_overflow(uid) : std::string();
  const bool is_own =
      has_user && (rows_.find(family, own) != kNoRow || rows_.quota().takes_overflow());
  const std::string_view labels = is_own ? own : kSharedOverflow;
  const std::uint32_t overflow = rows_.find(family, labels);
  if (overflow == kNoRow) return rows_.add(family, labels, uid);
  const std::uint32_t owner_uid = rows_[overflow].owner_uid;
  if (owner_uid != uid && owner_uid != kManyOwners) {
    rows_.own(overflow, owner_uid == kUnknownOwner ? uid : kManyOwners);
  }
  return overflow;
}

void OverflowRows::leave(std::uint32_t row) {
  ++taken_;
  if (rows_[row].erased()) return;
  if (rows_[row].living != 0) {
    rows_.record(row).folds_elsewhere = true;
  } else {
    rows_.erase_and_release(row);
  }
}

std::uint64_t OverflowRows::fold_away_excess(Ledger& ledger) {
  std::unordered_map<std::uint32_t, DeadByAge> dead;  // by account
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    const RowRecord& record = rows_[row];
    if (record.erased() || record.living != 0 || is_overflow(row)) continue;
    dead[rows_.quota().account(record.owner_uid)].emplace_back(record.last_seen_boot_s, row);
  }
  std::uint64_t folded = 0;
  std::unordered_set<std::uint32_t> stuck;
  for (int users = 0; users < kMostUsers;) {
    const auto excess = rows_.quota().excess(stuck);
    if (!excess) break;
    stuck.insert(excess->account);  // once: what is left then, the living have
    const auto found = dead.find(excess->account);
    if (found == dead.end()) continue;
    folded += fold_away_surplus(found->second, *excess, ledger);
    ++users;
  }
  taken_ += folded;
  return folded;
}

std::uint64_t OverflowRows::fold_away_surplus(DeadByAge& dead, const RowQuota::Excess& excess,
                                              Ledger& ledger) {
  std::ranges::sort(dead);
  const RowUsage before = rows_.quota().of(excess.account);
  const auto still_is = [&](std::uint64_t RowUsage::*what) {
    return before.*what - rows_.quota().of(excess.account).*what < excess.surplus.*what;
  };
  std::uint64_t folded = 0;
  for (const auto& [last_seen, row] : dead) {
    if (!still_is(&RowUsage::page_bytes) && !still_is(&RowUsage::dead_rows) &&
        !still_is(&RowUsage::ledger_bytes)) {
      break;
    }
    fold_away(row, ledger);
    ++folded;
  }
  return folded;
}

void OverflowRows::fold_away(std::uint32_t row, Ledger& ledger) {
  const RowRecord record = rows_[row];
  const bool is_last = row_kind(rows_.definition_of(record)) == RowKind::kLastGauge;
  if (record.ledger_row != kNoLedgerId && !is_last) {
    const std::uint32_t target = of_user(record.family, record.owner_uid);
    rows_.ledger_row(target, ledger);
    rows_.fold(target, rows_.folded_total(rows_[row]));
    rows_.see(target, std::max(rows_[target].last_seen_boot_s, record.last_seen_boot_s));
  }
  rows_.erase_and_release(row);
}

}  // namespace notch::agent
