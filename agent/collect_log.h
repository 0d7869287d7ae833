// What collecting has to say in the log, no oftener than it must: whoever writes to the directory must not fill the log.
// Called by: daemon, at each sweep.
#pragma once

#include <cstdint>
#include <string>

#include "agent/collect/collect_stats.h"
#include "agent/segments/directory_census.h"
#include "agent/tally/tally_options.h"

namespace notch::agent {

// A message that changes, told when it does and at most once in `pause_s`: the last since the line before.
class ChangingLine {
 public:
  explicit ChangingLine(std::uint64_t pause_s) : pause_s_(pause_s) {}

  bool is_due(const std::string& message, std::uint64_t now_boot_s);

 private:
  const std::uint64_t pause_s_;
  std::string last_;
  std::uint64_t next_boot_s_ = 0;
};

class CollectLog {
 public:
  void tell(const CollectStats& stats, const std::string& directory, const Moment& now);
  void tell_census(const DirectoryCensus& census, const std::string& directory, const Moment& now);

 private:
  std::string ledger_message_;  // the last one, or empty
  std::uint64_t ledger_replacements_ = 0;
  ChangingLine rejected_{10};
  ChangingLine renamed_{10};
  std::uint64_t next_census_boot_s_ = 0;
};

}  // namespace notch::agent
