// What the dead left: from a segment's last numbers to changes of rows, to the ledger and back.
// Called by: tally.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/family/family.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_values.h"
#include "agent/tally/binding.h"
#include "agent/tally/fold_draft.h"
#include "agent/tally/overflow_rows.h"
#include "agent/tally/row_store.h"
#include "agent/tally/tally_options.h"

namespace notch::agent {

// The families and rows that compaction of the ledger keeps; their ids become these indices.
struct KeptRows {
  std::vector<Family> families;
  std::vector<RecoveredRow> rows;
  std::vector<std::uint32_t> family_ids;
  std::vector<std::uint32_t> row_ids;
};

class DeadRows {
 public:
  DeadRows(RowStore& rows, OverflowRows& overflow) : rows_(rows), overflow_(overflow) {}

  // Each as in tally.h.
  FoldDraft draft_fold(const Binding& binding, const CellSource& cells, const Moment& now);
  void number_fold(FoldDraft& draft, Ledger& ledger);
  // The changes alone; the binding is detached then, and what overflowed leaves.
  void add(const FoldDraft& draft, const Moment& now);

  void restore(const Recovered& recovered);
  KeptRows kept(const Moment& now) const;
  std::uint64_t retire(const Moment& now, std::uint64_t retention_s);

  std::uint64_t impossible_series() const noexcept { return impossible_series_; }

 private:
  std::vector<std::uint32_t> restore_families(const std::vector<Family>& definitions);
  void restore_row(const RecoveredRow& old, std::uint32_t id, std::uint32_t family);

  RowStore& rows_;
  OverflowRows& overflow_;
  std::uint64_t impossible_series_ = 0;  // left out of folds, so far
};

}  // namespace notch::agent
