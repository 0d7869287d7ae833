// Counts how much the rows of each user take up on a page and in the ledger, and limits it.
// Called by: tally.
//
// Invariants
//   RQ1  What is past a limit of one user's is his alone to lose: as long as he is past his own, or
//        has the most of what there is too much of, no other user's row is refused or folded away.
//   RQ2  A row's page bytes are no fewer than any text format needs for it, exemplars apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "agent/family/family.h"
#include "agent/files/accounts.h"

namespace notch::agent {

struct RowLimits {
  std::uint64_t page_bytes = std::uint64_t{1} << 30;  // of the rows of the living and the dead
  std::uint64_t page_bytes_per_uid = std::uint64_t{1} << 28;
  std::uint64_t dead_rows = 250'000;
  std::uint64_t dead_rows_per_uid = 100'000;
  std::uint64_t ledger_bytes = std::uint64_t{1} << 28;  // of a snapshot
  std::uint64_t ledger_bytes_per_uid = std::uint64_t{1} << 26;
  // Users' own, which the limits above leave out but for their text. A user has at most one in each
  // family that he has a part in.
  std::uint64_t overflow_rows = 20'000;
};

struct RowUsage {
  std::uint64_t page_bytes = 0;
  std::uint64_t dead_rows = 0;     // that the ledger has
  std::uint64_t ledger_bytes = 0;  // of them
  std::uint64_t overflow_rows = 0;

  bool operator==(const RowUsage&) const = default;
};

// A row's lines on a page, but for a native histogram's buckets.
std::uint64_t page_lines(const Family& family) noexcept;
// Those of one side of a native histogram whose chunks are within [first, last].
std::uint64_t native_lines(std::int8_t schema, std::int32_t first, std::int32_t last) noexcept;
std::uint64_t page_bytes(const Family& family, std::uint64_t lines,
                         std::size_t label_bytes) noexcept;
// In the ledger: the row's definition and its total.
std::uint64_t ledger_bytes(const Family& family, std::size_t label_bytes) noexcept;

class RowQuota {
 public:
  explicit RowQuota(const RowLimits& limits, Accounts* accounts = nullptr)
      : limits_(limits), accounts_(accounts) {}

  // One row's part becomes `after` instead of `before`.
  void change(std::uint32_t uid, const RowUsage& before, const RowUsage& after);

  std::uint64_t page_bytes_left(std::uint32_t uid) const;

  // True if a row of the dead may have a place of its own in the ledger. Past the limit of all it
  // still may, unless its user has the most: excess() names who is to make room then.
  bool takes_dead(std::uint32_t uid, std::uint64_t row_ledger_bytes) const;

  // The same for a row that the living have a part in: up to twice the limits.
  bool takes_shared(std::uint32_t uid) const;

  // True if one more overflow row may be a user's own.
  bool takes_overflow() const { return total_.overflow_rows < limits_.overflow_rows; }

  // The users who have more than they may, and how many of their dead rows are to be folded away: a few
  // more than necessary, so that it happens seldom.
  struct Excess {
    std::uint32_t account = kUnknownOwner;
    RowUsage surplus;
  };
  // Passes over `stuck`, who have nothing left that can be folded away: they hold up nobody else's.
  std::optional<Excess> excess(const std::unordered_set<std::uint32_t>& stuck = {}) const;

  std::uint32_t account(std::uint32_t uid) const { return account_of(accounts_, uid); }
  const RowUsage& total() const noexcept { return total_; }
  RowUsage of(std::uint32_t uid) const;

 private:
  std::uint32_t largest(std::uint64_t RowUsage::*what) const;
  RowUsage limit_of(std::uint32_t account) const;

  const RowLimits limits_;
  Accounts* const accounts_;
  RowUsage total_;
  std::unordered_map<std::uint32_t, RowUsage> by_account_;
};

}  // namespace notch::agent
