// The tally's limits: what each row is charged to its owner for, and what is folded away where the
// dead have too much. Called by: tally, tally_fold, ledger_upkeep.
#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/tally/overflow_labels.h"
#include "agent/tally/tally.h"

namespace notch::agent {
namespace {

constexpr int kMostUsers = 16;  // folded away from in one call
constexpr std::uint64_t kChunkLedgerBytes = shm::kChunkBuckets * 12;

std::uint32_t narrowed(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

RowUsage charged_usage(const RowRecord& row) noexcept {
  return {row.page_bytes, row.counts_as_dead ? 1U : 0U, row.ledger_bytes,
          row.counts_as_overflow ? 1U : 0U};
}

std::uint64_t Tally::page_lines_of(const RowRecord& row) const {
  const Family& family = definition(row.family);
  std::uint64_t lines = page_lines(family);
  if (row.native == kNoNative) return lines;
  const NativeRow& native = natives_[row.native];
  for (const auto* chunks : {&native.positive, &native.negative}) {
    if (chunks->empty()) continue;
    lines += native_lines(family.schema, chunks->front().chunk, chunks->back().chunk);
  }
  return lines;
}

RowUsage Tally::usage_of(const RowRecord& row) const {
  const Family& family = definition(row.family);
  // There must be room for overflow rows; they have a limit of their own.
  const bool is_own = is_own_overflow(row.labels());
  const bool is_counted = !is_overflow_of_users(row.labels());
  const bool in_ledger = row.ledger_row != kNoLedgerId && is_counted;
  RowUsage usage = {page_bytes(family, page_lines_of(row), row.text_bytes),
                    is_counted && (in_ledger || row.living == 0) ? 1U : 0U,
                    in_ledger ? ledger_bytes(family, row.text_bytes) : 0, is_own ? 1U : 0U};
  if (in_ledger && row.native != kNoNative) {
    const NativeRow& native = natives_[row.native];
    usage.ledger_bytes += (native.positive.size() + native.negative.size()) * kChunkLedgerBytes;
  }
  return {narrowed(usage.page_bytes), usage.dead_rows, narrowed(usage.ledger_bytes),
          usage.overflow_rows};
}

void Tally::recharge(std::uint32_t row) {
  RowRecord& record = rows_[row];
  const RowUsage after = usage_of(record);
  const RowUsage before = charged_usage(record);
  if (after == before) return;
  quota_.change(record.owner_uid, before, after);
  record.page_bytes = static_cast<std::uint32_t>(after.page_bytes);
  record.ledger_bytes = static_cast<std::uint32_t>(after.ledger_bytes);
  record.counts_as_dead = after.dead_rows != 0;
  record.counts_as_overflow = after.overflow_rows != 0;
}

bool Tally::has_chunk_room(std::uint32_t row, std::int32_t chunk, bool negative) const {
  const RowRecord& record = rows_[row];
  const NativeRow& native = natives_[record.native];
  const std::vector<NativeChunk>& chunks = negative ? native.negative : native.positive;
  const Family& family = definition(record.family);
  std::int32_t first = chunk;
  std::int32_t last = chunk;
  std::uint64_t before = 0;
  if (!chunks.empty()) {
    first = std::min(first, chunks.front().chunk);
    last = std::max(last, chunks.back().chunk);
    before = native_lines(family.schema, chunks.front().chunk, chunks.back().chunk);
  }
  const std::uint64_t more = native_lines(family.schema, first, last) - before;
  return page_bytes(family, more, record.text_bytes) <= quota_.page_bytes_left(record.owner_uid);
}

bool Tally::is_overflow_row(std::uint32_t row) const {
  return is_overflow_of_users(rows_[row].labels());
}

bool Tally::keeps_own_fold(std::uint32_t row) const {
  const RowRecord& record = rows_[row];
  if (record.ledger_row != kNoLedgerId || is_overflow_row(row)) return true;
  const std::uint64_t bytes = ledger_bytes(definition(record.family), record.text_bytes);
  if (quota_.takes_dead(record.owner_uid, bytes)) return true;
  const bool others_have_a_part = record.living > 1;
  return others_have_a_part && quota_.takes_shared(record.owner_uid);
}

std::uint32_t Tally::overflow_row(std::uint32_t family, std::uint32_t uid) {
  // One that is there stays in use; the shared one takes what there is no room for.
  const bool has_user = uid < kManyOwners;
  const std::string own = has_user ? own_overflow(uid) : std::string();
  const bool is_own = has_user && (rows_.find(family, own) != kNoRow || quota_.takes_overflow());
  const std::string_view labels = is_own ? own : kSharedOverflow;
  const std::uint32_t overflow = rows_.find(family, labels);
  if (overflow == kNoRow) return add_row(family, labels, uid);
  const std::uint32_t owner_uid = rows_[overflow].owner_uid;
  if (owner_uid != uid && owner_uid != kManyOwners) {
    own_row(overflow, owner_uid == kUnknownOwner ? uid : kManyOwners);
  }
  return overflow;
}

std::uint64_t Tally::fold_away_excess(Ledger& ledger) {
  std::unordered_map<std::uint32_t, DeadByAge> dead;  // by account
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    const RowRecord& record = rows_[row];
    if (record.erased() || record.living != 0 || is_overflow_row(row)) continue;
    dead[quota_.account(record.owner_uid)].emplace_back(record.last_seen_boot_s, row);
  }
  std::uint64_t folded = 0;
  std::unordered_set<std::uint32_t> stuck;
  for (int users = 0; users < kMostUsers;) {
    const auto excess = quota_.excess(stuck);
    if (!excess) break;
    stuck.insert(excess->account);  // once: what is left then, the living have
    const auto found = dead.find(excess->account);
    if (found == dead.end()) continue;
    folded += fold_away_surplus(found->second, *excess, ledger);
    ++users;
  }
  overflowed_rows_ += folded;
  return folded;
}

std::uint64_t Tally::fold_away_surplus(DeadByAge& dead, const RowQuota::Excess& excess,
                                       Ledger& ledger) {
  std::ranges::sort(dead);
  const RowUsage before = quota_.of(excess.account);
  const auto still_is = [&](std::uint64_t RowUsage::*what) {
    return before.*what - quota_.of(excess.account).*what < excess.surplus.*what;
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

void Tally::fold_away(std::uint32_t row, Ledger& ledger) {
  const RowRecord record = rows_[row];
  const bool is_last = definition(record.family).combine == Combine::kLast;
  if (record.ledger_row != kNoLedgerId && !is_last) {
    const std::uint32_t target = overflow_row(record.family, record.owner_uid);
    ledger_row(target, ledger);
    fold_change(target, folded_total(rows_[row]));
    rows_[target].last_seen_boot_s =
        std::max(rows_[target].last_seen_boot_s, record.last_seen_boot_s);
  }
  erase_row(row);
  families_.release(record.family);
}

}  // namespace notch::agent
