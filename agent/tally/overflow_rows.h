// The rows for what the dead left past their user's limits: which rows keep a fold of their own, where the others' goes, and
// what is folded away where there is too much. TA5 of tally.h is the rule.
// Called by: dead_rows, resets, tally.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/ledger/ledger.h"
#include "agent/tally/row_quota.h"
#include "agent/tally/row_store.h"

namespace notch::agent {

class OverflowRows {
 public:
  explicit OverflowRows(RowStore& rows) : rows_(rows) {}

  bool is_overflow(std::uint32_t row) const;
  bool keeps_own_fold(std::uint32_t row) const;
  // Where the row's fold goes: to itself, or to its user's overflow row. kNoRow: the change is lost.
  std::uint32_t target_of(std::uint32_t row);
  // The user's row of the family for what has no row of its own; he has a part in it from now on.
  std::uint32_t of_user(std::uint32_t family, std::uint32_t uid);

  // The row's dead stand in the overflow row from now on: shown under both they would count twice.
  void leave(std::uint32_t row);
  bool has_excess() const { return rows_.quota().excess().has_value(); }
  std::uint64_t fold_away_excess(Ledger& ledger);

  // How many rows' numbers have gone there, so far.
  std::uint64_t taken() const noexcept { return taken_; }

 private:
  using DeadByAge = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // last seen, row
  std::uint64_t fold_away_surplus(DeadByAge& dead, const RowQuota::Excess& excess, Ledger& ledger);
  void fold_away(std::uint32_t row, Ledger& ledger);

  RowStore& rows_;
  std::uint64_t taken_ = 0;
};

}  // namespace notch::agent
