// A tally, its ledger, and segments that die.
// Called by: tally_fold_test, tally_limits_test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/ledger/ledger.h"
#include "agent/tally/tally.h"
#include "tests/agent/tally/fake_segment.h"
#include "tests/scratch_directory.h"

namespace notch::agent {

using namespace testing;  // NOLINT: the fixture's verbs

class TallyFoldTest : public ::testing::Test {
 protected:
  explicit TallyFoldTest(const TallyOptions& options = {}) : tally_(options) {
    Recovered nothing;
    const LedgerResult result = ledger_.open(directory_.fd(), "agent.ledger", nothing);
    EXPECT_TRUE(result.ok) << result.message;
  }

  std::unique_ptr<FakeSegment> segment() {
    auto made = std::make_unique<FakeSegment>(tally_, ++pid_);
    made->of(uid_);
    return made;
  }

  void fold(FakeSegment& segment, const Moment& now = {0, 1'000'000, 100}) {
    FoldDraft draft = tally_.draft_fold(segment.binding(), segment, now);
    tally_.number_fold(draft, ledger_);
    std::vector<Fold> folds(1);
    folds[0].segment = {++inode_, 1, "s" + std::to_string(inode_)};
    folds[0].rows = draft.changes;
    const LedgerResult result = ledger_.append(folds, now.boot_s);
    ASSERT_TRUE(result.ok) << result.message;
    tally_.apply_fold(draft, segment.binding(), now);
  }

  // One process that adds `count` to a_total{x=`x`} and dies.
  void live_and_die(std::uint64_t count, const std::string& x,
                    const Moment& now = {.boot_s = 100}) {
    const auto one = segment();
    one->cells[one->add_series(one->define(counter_entry("a_total", {"x"})), {x})] = count;
    fold(*one, now);
  }

  static std::string labels(const std::string& x) { return "service=\"shop\",x=\"" + x + "\""; }

  ScratchDirectory directory_;
  Ledger ledger_;
  Tally tally_;
  std::uint32_t uid_ = kUnknownOwner;  // of segments made from now on
  std::uint32_t pid_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace notch::agent
