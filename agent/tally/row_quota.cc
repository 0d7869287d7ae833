#include "agent/tally/row_quota.h"

#include <algorithm>

#include "agent/family/classic_buckets.h"
#include "agent/family/row_slots.h"
#include "shm/layout.h"

namespace notch::agent {
namespace {

// The bytes of a line besides names and labels: a suffix, a bound as a label, braces, a number.
constexpr std::uint64_t kLineBytes = 72;
// The bytes of both frames of a row, without labels and slots.
constexpr std::uint64_t kRowFrameBytes = 80;
constexpr std::uint64_t kMarginPart = 20;  // of a limit, folded away beyond what must be

std::uint64_t left(std::uint64_t limit, std::uint64_t taken) {
  return limit > taken ? limit - taken : 0;
}

std::uint64_t surplus(std::uint64_t limit, std::uint64_t taken) {
  return taken > limit ? taken - limit + limit / kMarginPart : 0;
}

}  // namespace

std::uint64_t page_lines(const Family& family) noexcept {
  return row_parts(family).page_lines + family.bounds.size();
}

std::uint64_t native_lines(std::int8_t schema, std::int32_t first, std::int32_t last) noexcept {
  const auto chunks = static_cast<std::uint64_t>(std::int64_t{last} - first + 1);
  const std::uint64_t buckets = chunks * shm::kChunkBuckets;
  const std::uint64_t powers = schema > 0 ? buckets >> schema : buckets;
  return std::min<std::uint64_t>(powers + 2, kMaxDerivedBounds);
}

std::uint64_t page_bytes(const Family& family, std::uint64_t lines,
                         std::size_t label_bytes) noexcept {
  return lines * (family.name.size() + label_bytes + kLineBytes);
}

std::uint64_t ledger_bytes(const Family& family, std::size_t label_bytes) noexcept {
  return kRowFrameBytes + label_bytes + sizeof(std::uint64_t) * slot_count(family);
}

void RowQuota::change(std::uint32_t uid, const RowUsage& before, const RowUsage& after) {
  const std::uint32_t account = this->account(uid);
  RowUsage& user = by_account_[account];
  for (RowUsage* sum : {&total_, &user}) {
    sum->page_bytes += after.page_bytes - before.page_bytes;
    sum->dead_rows += after.dead_rows - before.dead_rows;
    sum->ledger_bytes += after.ledger_bytes - before.ledger_bytes;
    sum->overflow_rows += after.overflow_rows - before.overflow_rows;
  }
  if (user == RowUsage()) by_account_.erase(account);
}

RowUsage RowQuota::of(std::uint32_t uid) const {
  const auto found = by_account_.find(account(uid));
  return found == by_account_.end() ? RowUsage() : found->second;
}

// Nobody knows whose rows an older ledger's are: together they may have half of all.
RowUsage RowQuota::limit_of(std::uint32_t account) const {
  const RowUsage limit = {limits_.page_bytes_per_uid, limits_.dead_rows_per_uid,
                          limits_.ledger_bytes_per_uid, 0};
  if (account != kUnknownOwner) return limit;
  return {std::max(limit.page_bytes, limits_.page_bytes / 2),
          std::max(limit.dead_rows, limits_.dead_rows / 2),
          std::max(limit.ledger_bytes, limits_.ledger_bytes / 2), 0};
}

std::uint64_t RowQuota::page_bytes_left(std::uint32_t uid) const {
  return std::min(left(limit_of(account(uid)).page_bytes, of(uid).page_bytes),
                  left(limits_.page_bytes, total_.page_bytes));
}

std::uint32_t RowQuota::largest(std::uint64_t RowUsage::*what) const {
  const auto found = std::ranges::max_element(
      by_account_, {}, [what](const auto& user) { return user.second.*what; });
  return found == by_account_.end() ? kUnknownOwner : found->first;
}

bool RowQuota::takes_dead(std::uint32_t uid, std::uint64_t row_ledger_bytes) const {
  const RowUsage user = of(uid);
  const RowUsage limit = limit_of(account(uid));
  if (user.dead_rows >= limit.dead_rows) return false;
  if (row_ledger_bytes > left(limit.ledger_bytes, user.ledger_bytes)) return false;
  if (total_.dead_rows >= limits_.dead_rows && largest(&RowUsage::dead_rows) == account(uid))
    return false;
  return row_ledger_bytes <= left(limits_.ledger_bytes, total_.ledger_bytes) ||
         largest(&RowUsage::ledger_bytes) != account(uid);
}

bool RowQuota::takes_shared(std::uint32_t uid) const {
  const auto is_within = [](const RowUsage& taken, const RowUsage& limit) {
    return taken.dead_rows / 2 < limit.dead_rows && taken.ledger_bytes / 2 < limit.ledger_bytes;
  };
  return is_within(of(uid), limit_of(account(uid))) &&
         is_within(total_, {0, limits_.dead_rows, limits_.ledger_bytes, 0});
}

std::optional<RowQuota::Excess> RowQuota::excess(
    const std::unordered_set<std::uint32_t>& stuck) const {
  for (const auto& [account, user] : by_account_) {
    if (stuck.contains(account)) continue;
    const RowUsage limit = limit_of(account);
    const RowUsage more = {surplus(limit.page_bytes, user.page_bytes),
                           surplus(limit.dead_rows, user.dead_rows),
                           surplus(limit.ledger_bytes, user.ledger_bytes), 0};
    if (more != RowUsage()) return Excess{account, more};
  }
  // The user who has the most makes room, or nobody does (RQ1).
  const auto of_largest = [&](std::uint64_t RowUsage::*what,
                              std::uint64_t limit) -> std::optional<Excess> {
    const std::uint64_t more = surplus(limit, total_.*what);
    if (more == 0 || stuck.contains(largest(what))) return std::nullopt;
    Excess excess{largest(what), {}};
    excess.surplus.*what = more;
    return excess;
  };
  const auto rows = of_largest(&RowUsage::dead_rows, limits_.dead_rows);
  return rows ? rows : of_largest(&RowUsage::ledger_bytes, limits_.ledger_bytes);
}

}  // namespace notch::agent
