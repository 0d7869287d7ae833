// The agent ends, is killed, or cannot write: the sums stay exact.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

using CollectRestartTest = CollectTest;

TEST_F(CollectRestartTest, SumsAreTheSameAfterARestart) {
  start_agent();
  start_process(3);
  start_process(4).die();
  sweep();
  start_process(5).die();
  EXPECT_EQ(sum(), 12U);
  start_agent();
  EXPECT_EQ(sum(), 12U);
  sweep();
  EXPECT_EQ(sum(), 12U);
  start_agent();
  EXPECT_EQ(sum(), 12U);
}

TEST_F(CollectRestartTest, TheDefinitionInForceStaysInForce) {
  const auto with_bound = [](double bound) {
    SegmentBuilder builder(shop_shape());
    builder.new_series(builder.new_family(histogram("h", {bound})));
    builder.set_cell(0, builder.first_cell(0), 1);
    return builder;
  };
  start_agent();
  start_process(with_bound(1));
  start_process(with_bound(1)).die();
  sweep();
  start_process(with_bound(2));
  std::swap(segments_[0], segments_[2]);  // listed in another order than they were born
  start_agent();
  sweep();
  const agent::Snapshot snapshot = gather();
  EXPECT_EQ(find_family(snapshot, "h")->family->bounds[0], 1);
  EXPECT_EQ(slot(snapshot, "h"), 2U);
}

TEST_F(CollectRestartTest, WhatTheDeadTookBackIsMadeUpForBeforeTheyAreFolded) {
  start_agent();
  start_process(1);
  SegmentFile& taking_back = start_process(100);
  EXPECT_EQ(sum(), 101U);
  start_process(1000).die();  // nobody has seen it
  taking_back.count(60);
  taking_back.die();
  sweep();
  start_agent();
  EXPECT_EQ(sum(), 1101U);
  sweep();
  EXPECT_EQ(sum(), 1101U);
}

#ifdef NOTCH_INJECTION_POINTS
TEST_F(CollectRestartTest, AKillAtTheFoldOfOneThatTookBackLowersNoSum) {
  const std::vector<std::string> points = {"ledger.before_append:2", "ledger.after_append",
                                           "collect.after_resets",   "ledger.after_append:2",
                                           "collect.after_append",   "collect.after_remove"};
  std::uint64_t expected = 0;
  for (const std::string& point : points) {
    start_agent();
    SegmentFile& taking_back = start_process(100);
    expected += 100;
    EXPECT_EQ(sum(), expected) << point;
    taking_back.count(60);
    taking_back.die();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("NOTCH_KILL_AT", point.c_str(), 1);
      sweep();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << point << " was not reached: " << status;
    start_agent();
    EXPECT_EQ(sum(), expected) << point;
    sweep();
    EXPECT_EQ(sum(), expected) << point;
  }
}

TEST_F(CollectRestartTest, AKillAnywhereInAFoldCountsOnce) {
  const std::vector<std::string> points = {"ledger.before_append",    "ledger.after_append",
                                           "collect.after_append",    "collect.before_remove",
                                           "collect.before_remove:2", "collect.after_remove",
                                           "collect.after_remove:2"};
  start_agent();
  start_process(1);
  std::uint64_t expected = 1;
  for (const std::string& point : points) {
    for (int i = 0; i < 2; ++i) {
      start_process(10).die();
      expected += 10;
    }
    collect_.reset();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("NOTCH_KILL_AT", point.c_str(), 1);
      start_agent();
      sweep();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << point << " was not reached";
    start_agent();
    EXPECT_EQ(sum(), expected) << point;
    sweep();
    EXPECT_EQ(sum(), expected) << point;
    EXPECT_EQ(stats().dead_segments, 0U) << point;
  }
}
#endif

// The file system is full: writes past the soft limit fail, as they would with ENOSPC.
class FullDisk {
 public:
  FullDisk() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit none = before_;
    none.rlim_cur = 1;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(CollectRestartTest, TheDeadStayInTheSumsWhileTheLedgerCannotBeWritten) {
  start_agent();
  start_process(1);
  SegmentFile& dying = start_process(2);
  dying.die();
  {
    const FullDisk full;
    sweep();
    pass(5);
    sweep();
  }
  EXPECT_EQ(sum(), 3U);
  EXPECT_EQ(stats().fold_failures, 2U);
  EXPECT_EQ(stats().dead_segments, 1U);
  EXPECT_FALSE(stats().ledger_message.empty());
  EXPECT_TRUE(directory_.has(dying.name()));
  pass(5);
  sweep();
  EXPECT_EQ(sum(), 3U);
  EXPECT_EQ(stats().folds, 1U);
  EXPECT_FALSE(directory_.has(dying.name()));
  start_agent();
  EXPECT_EQ(sum(), 3U);
}

TEST_F(CollectRestartTest, AFailedFoldDoesNotWaitForAClockThatWasSetBack) {
  start_agent();
  start_process(2).die();
  {
    const FullDisk full;
    sweep();
  }
  set_clock(-3600);
  pass(2);
  sweep();
  EXPECT_EQ(stats().folds, 1U);
}

TEST_F(CollectRestartTest, AFoldedFileThatCannotBeRemovedIsNotReadAgain) {
  start_agent();
  SegmentFile& dying = start_process(2);
  dying.die();
  // The file comes back under its name: a second link made before the fold, as a failed unlink
  // would leave it.
  const std::string held = directory_.path("held");
  ASSERT_EQ(::link(directory_.path(dying.name()).c_str(), held.c_str()), 0);
  sweep();
  ASSERT_EQ(::rename(held.c_str(), directory_.path(dying.name()).c_str()), 0);
  EXPECT_EQ(sum(), 2U);
  start_agent();
  EXPECT_EQ(sum(), 2U);
  EXPECT_FALSE(directory_.has(dying.name()));
}

}  // namespace
}  // namespace notch::testing
