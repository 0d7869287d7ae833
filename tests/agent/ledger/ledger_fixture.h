// A ledger in a directory of its own, and an agent in small that writes it.
// Called by: tests/agent/ledger/ledger_test.cc, ledger_removed_test.cc, ledger_version_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/ledger/ledger.h"
#include "tests/agent/ledger/ledger_sample.h"
#include "tests/scratch_directory.h"

namespace notch::agent {

using notch::testing::ScratchDirectory;

inline constexpr std::uint64_t kNow = 1'700'000'000;

// An agent in small: it keeps totals as the tally does, and can be dropped and started again.
class Agent {
 public:
  explicit Agent(int directory_fd, const std::string& name = "ledger") {
    opened_ = ledger_.open(directory_fd, name, recovered_);
    rows_ = recovered_.rows;
    families_ = recovered_.families;
  }

  void define_all() {
    families_ = sample::families();
    for (const Family& family : families_) {
      const std::uint32_t id = ledger_.define_family(family);
      define_row(id, "service=\"a\"");
    }
  }
  std::uint32_t define_row(std::uint32_t family, const std::string& labels) {
    const std::uint32_t row = ledger_.define_row(family, labels);
    rows_.push_back({family, labels, 0, empty_total(families_[family], row)});
    return row;
  }
  LedgerResult fold(std::span<const Fold> folds, std::uint64_t now = kNow) {
    const LedgerResult result = ledger_.append(folds, now);
    if (!result.ok) return result;
    for (const Fold& fold : folds) {
      for (const RowChange& change : fold.rows) {
        RecoveredRow& row = rows_[change.row];
        add_change(families_[row.family], change, row.total);
        row.last_seen_boot_s = std::max(row.last_seen_boot_s, now);
      }
    }
    return result;
  }
  // A fold of every kind of row.
  LedgerResult fold_segment(std::uint64_t number, std::uint64_t now = kNow) {
    Fold fold{sample::make_segment(number), {}};
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      fold.rows.push_back(sample::make_change(row, rows_[row].family, number));
    }
    return this->fold(std::span(&fold, 1), now);
  }
  LedgerResult compact() { return ledger_.compact(families_, rows_); }

  Ledger& ledger() { return ledger_; }
  const LedgerResult& opened() const { return opened_; }
  const Recovered& recovered() const { return recovered_; }
  const std::vector<RecoveredRow>& rows() const { return rows_; }

 private:
  Ledger ledger_;
  LedgerResult opened_;
  Recovered recovered_;
  std::vector<Family> families_;
  std::vector<RecoveredRow> rows_;
};

class LedgerFile : public ::testing::Test {
 protected:
  // What an agent would find that starts now. The file is left as it is but for its torn end.
  Recovered recover() {
    Agent agent(directory_.fd());
    EXPECT_TRUE(agent.opened().ok) << agent.opened().message;
    return agent.recovered();
  }
  std::string refusal() {
    Agent agent(directory_.fd());
    EXPECT_FALSE(agent.opened().ok);
    return agent.opened().message;
  }

  ScratchDirectory directory_;
};

}  // namespace notch::agent
