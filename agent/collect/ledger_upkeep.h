// The ledger while the agent runs: what is appended to it, and when it is written anew.
// Called by: deaths, collect.
#pragma once

#include <cstdint>
#include <span>

#include "agent/collect/collect_options.h"
#include "agent/collect/collect_stats.h"
#include "agent/ledger/ledger.h"
#include "agent/services/service_owners.h"
#include "agent/tally/tally.h"

namespace notch::agent {

class LedgerUpkeep {
 public:
  LedgerUpkeep(const CollectOptions& options, Tally& tally, const ServiceOwners& owners,
               CollectStats& stats)
      : options_(options), tally_(tally), owners_(owners), stats_(stats) {}

  LedgerResult open(int directory_fd, Recovered& recovered);
  void move_to(int directory_fd);
  // Whether the directory's lock is this agent's.
  void hold(bool held);

  // For ids, and for what need not be on disk at once.
  Ledger& file() noexcept { return ledger_; }

  // True if all of them are in the file. Else none is, which is counted.
  bool append(std::span<const Fold> folds, const Moment& now);

  void define_service(const ServiceRecord& record);
  // Writes what was defined since the last append.
  void write_services(const Moment& now);

  // Folds that are appended to a file without a name would be gone with the agent.
  void keep_in_place(const Moment& now);
  void fold_away_excess(const Moment& now);
  void compact_if_worth(const Moment& now);
  bool wants_compacting() const { return ledger_.wants_compacting(); }

  std::uint64_t file_bytes() const { return ledger_.file_bytes(); }

 private:
  bool write_anew(const Moment& now);

  const CollectOptions& options_;
  Tally& tally_;
  const ServiceOwners& owners_;
  CollectStats& stats_;
  Ledger ledger_;
  bool services_to_write_ = false;  // the ledger was told of them, and has not written them
  std::uint64_t next_compaction_boot_s_ = 0;
  std::uint64_t next_excess_boot_s_ = 0;
};

}  // namespace notch::agent
