#include "agent/collect/ledger_upkeep.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kRetry_s = 10;

}  // namespace

LedgerResult LedgerUpkeep::open(int directory_fd, Recovered& recovered) {
  return ledger_.open(directory_fd, options_.ledger_name, recovered);
}

void LedgerUpkeep::move_to(int directory_fd) {
  ledger_.move_to(directory_fd);
  next_compaction_boot_s_ = 0;
}

void LedgerUpkeep::hold(bool held) {
  if (held) {
    ledger_.resume();
  } else {
    ledger_.suspend();
  }
}

bool LedgerUpkeep::append(std::span<const Fold> folds, const Moment& now) {
  const LedgerResult result = ledger_.append(folds, now.boot_s);
  if (result.ok) return true;
  ++stats_.fold_failures;
  stats_.ledger_message = result.message;
  return false;
}

void LedgerUpkeep::define_service(const ServiceRecord& record) {
  ledger_.define_service(record);
  services_to_write_ = true;
}

void LedgerUpkeep::write_services(const Moment& now) {
  if (!services_to_write_) return;
  const LedgerResult result = ledger_.append({}, now.boot_s);
  services_to_write_ = !result.ok;
  if (!result.ok) stats_.ledger_message = result.message;
}

void LedgerUpkeep::keep_in_place(const Moment& now) {
  if (ledger_.is_in_place() || now.boot_s < next_compaction_boot_s_) return;
  if (write_anew(now)) ++stats_.ledger_replacements;
}

void LedgerUpkeep::fold_away_excess(const Moment& now) {
  if (now.boot_s < next_excess_boot_s_ || !tally_.has_excess()) return;
  // Rows of living processes cannot be folded away.
  if (tally_.fold_away_excess(ledger_) == 0) next_excess_boot_s_ = now.boot_s + kRetry_s;
}

void LedgerUpkeep::compact_if_worth(const Moment& now) {
  if (!ledger_.wants_compacting() && !tally_.ledger_is_stale()) return;
  if (now.boot_s >= next_compaction_boot_s_) write_anew(now);
}

bool LedgerUpkeep::write_anew(const Moment& now) {
  const KeptRows kept = tally_.dead_rows(now);
  const LedgerResult result = ledger_.compact(kept.families, kept.rows, owners_.records());
  if (result.ok) {
    services_to_write_ = false;
    tally_.renumber(kept);
  } else {
    stats_.ledger_message = result.message;
    next_compaction_boot_s_ = now.boot_s + kRetry_s;
  }
  return result.ok;
}

}  // namespace notch::agent
