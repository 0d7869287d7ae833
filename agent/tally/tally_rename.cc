// The tally's rows of services that get another name. Called by: collect, when whose a name is
// changes.
#include <string>
#include <utility>

#include "agent/services/service_label.h"
#include "agent/tally/tally.h"

namespace notch::agent {

void Tally::rename_services(std::span<const ServiceRename> renames) {
  const LabelRenames labels(renames);
  if (labels.empty()) return;
  std::vector<RowTable::NewLabels> renamed;
  std::string text;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].erased() || !labels.apply(rows_[row].labels(), text)) continue;
    renamed.push_back({row, text});
    rows_[row].created_unix_s = 0;
  }
  const auto merged = rows_.relabel(renamed);
  for (const RowTable::NewLabels& labels_of : renamed) recharge(labels_of.row);
  for (const auto& [row, other] : merged) merge_rows(row, other);
  layout_ = nullptr;
}

// Only of a ledger from before services had owners can a row have a name that is given to another
// now, and nobody living is bound to that.
void Tally::merge_rows(std::uint32_t row, std::uint32_t other) {
  if (rows_[other].living != 0) std::swap(row, other);
  fold_change(row, folded_total(rows_[other]));
  if (rows_[row].ledger_row == kNoLedgerId) {
    std::swap(rows_[row].ledger_row, rows_[other].ledger_row);
  }
  erase_row(other);
  recharge(row);
}

NameSet Tally::service_labels() const {
  NameSet labels;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (!rows_[row].erased()) labels.emplace(service_label(rows_[row].labels()));
  }
  return labels;
}

}  // namespace notch::agent
