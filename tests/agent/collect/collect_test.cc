// Segments as files: taken or rejected, read while they live, folded when they die.
#include "agent/collect/collect.h"

#include <gtest/gtest.h>
#include <time.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

using agent::CollectOptions;
using agent::CollectStats;

TEST_F(CollectTest, SumsTheLiving) {
  start_agent();
  start_process(3);
  SegmentFile& second = start_process(4);
  EXPECT_EQ(sum(), 7U);
  second.count(5);
  EXPECT_EQ(sum(), 8U);
  EXPECT_EQ(stats().live_segments, 2U);
}

TEST_F(CollectTest, FoldsTheDeadOnceAndRemovesTheirFiles) {
  start_agent();
  start_process(3);
  SegmentFile& dying = start_process(4);
  dying.die();
  for (int i = 0; i < 3; ++i) {
    sweep();
    EXPECT_EQ(sum(), 7U);
  }
  EXPECT_FALSE(directory_.has(dying.name()));
  EXPECT_EQ(stats().folds, 1U);
  EXPECT_EQ(stats().dead_segments, 0U);
}

TEST_F(CollectTest, CountsAProcessBornAndDeadBeforeItWasSeen) {
  SegmentFile& gone = start_process(5);
  gone.die();
  start_agent();
  EXPECT_EQ(sum(), 5U);
  sweep();
  EXPECT_EQ(sum(), 5U);
  EXPECT_FALSE(directory_.has(gone.name()));
}

TEST_F(CollectTest, FoldsAThousandInOneSweep) {
  start_agent();
  for (int i = 0; i < 1000; ++i) start_process(1).die();
  sweep();
  EXPECT_EQ(sum(), 1000U);
  EXPECT_EQ(stats().folds, 1000U);
}

TEST_F(CollectTest, ReadsWhatWasCountedJustBeforeTheEnd) {
  start_agent();
  SegmentFile& dying = start_process(1);
  EXPECT_EQ(sum(), 1U);
  dying.count(9);
  dying.die();
  sweep();
  EXPECT_EQ(sum(), 9U);
}

TEST_F(CollectTest, ReadsOnWhenTheOwnerRemovedTheFile) {
  start_agent();
  SegmentFile& hidden = start_process(3);
  ASSERT_EQ(::unlinkat(directory_.fd(), hidden.name().c_str(), 0), 0);
  collect_->removed(std::vector{hidden.name()});
  hidden.count(4);
  EXPECT_EQ(sum(), 4U);
  EXPECT_EQ(stats().nameless_segments, 1U);
  hidden.die();
  sweep();
  EXPECT_EQ(sum(), 4U);
  EXPECT_EQ(stats().live_segments, 0U);
}

TEST_F(CollectTest, DoesNotRemoveAnotherFileOfTheDeadsName) {
  start_agent();
  SegmentFile& old = start_process(3);
  ASSERT_EQ(::unlinkat(directory_.fd(), old.name().c_str(), 0), 0);
  SegmentFile young(directory_, old.name(), 10);
  old.die();
  sweep();
  EXPECT_TRUE(directory_.has(young.name()));
  collect_->removed(std::vector{young.name()});
  collect_->add(std::vector{young.name()}, now_);
  EXPECT_EQ(sum(), 13U);
}

TEST_F(CollectTest, TellsHowProcessesEnded) {
  start_agent();
  start_process(1).die();
  start_process(1).close_in_order();
  sweep();
  const agent::EndCounts ends = stats().ends.at("shop");
  EXPECT_EQ(ends.killed, 1U);
  EXPECT_EQ(ends.closed, 1U);
  EXPECT_EQ(ends.exec, 0U);
}

// The only row of a_total of that label.
std::uint32_t created_of(const agent::Snapshot& snapshot, const std::string& labels) {
  const agent::FamilySnapshot* family = find_family(snapshot, "a_total");
  for (const agent::Row& row : family->rows) {
    if (row.labels == labels) return row.created_unix_s;
  }
  ADD_FAILURE() << "no row " << labels;
  return 0;
}

TEST_F(CollectTest, ARowWasCreatedWhenItWasLastKnownToBeZero) {
  now_.unix_s = static_cast<std::uint64_t>(::time(nullptr)) + 100;
  start_agent();
  const auto before = static_cast<std::uint32_t>(::time(nullptr));
  SegmentBuilder growing = SegmentFile::builder_with(7);
  SegmentFile& process = start_process(growing);
  const std::uint32_t born = created_of(gather(), kShop);
  EXPECT_GE(born, before);  // the file's birth, by the kernel's clock
  EXPECT_LE(born, static_cast<std::uint32_t>(::time(nullptr)));
  const auto seen = static_cast<std::uint32_t>(now_.unix_s);
  pass(15);
  growing.new_series(0, {"later"});
  process.rewrite(growing);
  pass(15);
  agent::Snapshot snapshot = gather();
  EXPECT_EQ(created_of(snapshot, kShop), born);
  EXPECT_EQ(created_of(snapshot, std::string(kShop) + ",x=\"later\""), seen);
  process.die();
  sweep();
  EXPECT_EQ(created_of(gather(), kShop), born);
  start_agent();  // from the ledger: another may have been told
  EXPECT_EQ(created_of(gather(), kShop), 0U);
}

TEST_F(CollectTest, AShortProgramThatWasExecutedTellsOfTheOneBeforeIt) {
  start_agent();
  const auto program = [](std::uint64_t created_unix_ns) {
    SegmentShape shape = shop_shape();
    shape.created_unix_ns = created_unix_ns;
    return SegmentBuilder(shape);
  };
  SegmentFile& second = start_process(program(2000));
  start_process(program(1000)).die();
  second.die();
  sweep();
  EXPECT_EQ(stats().ends.at("shop").exec, 1U);
  EXPECT_EQ(stats().ends.at("shop").killed, 1U);
}

TEST_F(CollectTest, RejectedFilesAreCountedAndLookedAtAgainWhenTheyChange) {
  start_agent();
  directory_.touch("bad.notch");
  collect_->add(std::vector<std::string>{"bad.notch"}, now_);
  EXPECT_EQ(stats().rejected.at("too_short"), 1U);
  pass(60);
  sweep();
  EXPECT_EQ(stats().rejected.at("too_short"), 1U) << "it did not change";
  directory_.write("bad.notch", SegmentFile::builder_with(6).bytes());
  pass(60);
  sweep();
  EXPECT_EQ(stats().rejected_segments, 0U);
  EXPECT_EQ(sum(), 6U);
}

TEST_F(CollectTest, ASegmentOfAnotherOwnerIsRejected) {
  start_agent();
  SegmentShape shape = shop_shape();
  shape.uid += 1;
  start_process(SegmentBuilder(shape));
  EXPECT_EQ(stats().rejected.at("wrong_owner"), 1U);
}

// Ten programs in user namespaces would leave their files for good.
TEST_F(CollectTest, ARejectedFileIsRemovedWhenItsProcessIsGoneAndAMinuteHasPassed) {
  start_agent();
  SegmentShape shape = shop_shape();
  shape.uid += 1;
  SegmentFile& dies = start_process(SegmentBuilder(shape));
  SegmentFile& lives = start_process(SegmentBuilder(shape));
  start_process(3);
  dies.die();
  pass(60);
  sweep();
  EXPECT_TRUE(directory_.has(dies.name())) << "it is not old enough";
  pass(10);
  sweep();
  EXPECT_FALSE(directory_.has(dies.name()));
  EXPECT_TRUE(directory_.has(lives.name()));
  EXPECT_EQ(stats().removed.at("wrong_owner"), 1U);
  EXPECT_EQ(stats().rejected_segments, 1U);
  lives.die();
  pass(10);
  sweep();
  EXPECT_FALSE(directory_.has(lives.name()));
  EXPECT_EQ(stats().removed.at("wrong_owner"), 2U);
  EXPECT_EQ(sum(), 3U);
}

TEST_F(CollectTest, ASegmentCutOffIsLetGoAndTheSumDoesNotFall) {
  start_agent();
  start_process(3);
  SegmentFile& broken = start_process(4);
  EXPECT_EQ(sum(), 7U);
  broken.cut(4096);
  EXPECT_EQ(sum(), 7U);
  EXPECT_EQ(sum(), 7U);
  EXPECT_EQ(stats().live_segments, 1U);
  EXPECT_EQ(stats().rejected.at("truncated"), 1U);
  EXPECT_FALSE(directory_.has(broken.name()));
}

TEST_F(CollectTest, LimitsPerUserAreKeptAndRoomIsUsedWhenItComes) {
  CollectOptions options;
  options.limits.per_uid.segments = 2;
  start_agent(options);
  SegmentFile& first = start_process(1);
  start_process(2);
  start_process(4);
  EXPECT_EQ(sum(), 3U);
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), 1U);
  first.die();
  sweep();
  pass(60);
  sweep();
  EXPECT_EQ(sum(), 7U);
}

TEST_F(CollectTest, WhatWaitsForRoomIsCountedAsRefusedOnce) {
  CollectOptions options;
  options.limits.per_uid.segments = 1;
  start_agent(options);
  for (std::uint64_t i = 0; i < 4; ++i) start_process(std::uint64_t{1} << i);
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), 3U);
  EXPECT_EQ(stats().waiting_segments, 3U);
  for (const auto& process : segments_) {
    process->die();
    sweep();  // room for one more, and the others are refused again
  }
  EXPECT_EQ(sum(), 15U);
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), 3U);
  EXPECT_EQ(stats().waiting_segments, 0U);
}

TEST_F(CollectTest, WhatIsTriedAgainInVainIsNotCountedAgain) {
  start_agent();
  start_process(1);
  CollectOptions options;
  options.limits.total.bytes = stats().claimed_bytes * 3;
  start_agent(options);
  SegmentShape shape = shop_shape();
  shape.cells *= 8;
  start_process(SegmentBuilder(shape));
  for (int i = 0; i < 3; ++i) {
    start_process(1).die();
    sweep();
  }
  EXPECT_EQ(stats().folds, 3U);
  EXPECT_EQ(stats().rejected.at("bytes"), 1U);
  EXPECT_EQ(stats().waiting_segments, 1U);
}

TEST_F(CollectTest, AFileThatGoesWhileItWaitsIsForgotten) {
  CollectOptions options;
  options.limits.per_uid.segments = 1;
  start_agent(options);
  SegmentFile& first = start_process(1);
  const SegmentFile& second = start_process(2);
  std::filesystem::remove(directory_.path(second.name()));
  collect_->removed(std::vector{second.name()});
  EXPECT_EQ(stats().waiting_segments, 0U);
  first.die();
  sweep();
  EXPECT_EQ(sum(), 1U);
}

TEST_F(CollectTest, ABacklogOfAnyLengthIsCountedWhole) {
  constexpr std::uint64_t kFiles = 23'000;  // more than are remembered of what was rejected
  std::vector<std::string> names;
  const SegmentBuilder builder = SegmentFile::builder_with(1);
  for (std::uint64_t i = 0; i < kFiles; ++i) {
    names.push_back("dead" + std::to_string(i) + ".notch");
    directory_.write(names.back(), builder.bytes());
  }
  CollectOptions options;
  options.limits.per_uid.segments = 500;
  start_agent(options);
  collect_->add(names, now_);
  for (std::uint64_t swept = 0; swept <= kFiles; swept += options.limits.per_uid.segments) sweep();
  EXPECT_EQ(sum(), kFiles);
  EXPECT_EQ(stats().folds, kFiles);
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), kFiles - options.limits.per_uid.segments);
}

TEST_F(CollectTest, BytesAreLimited) {
  CollectOptions options;
  options.limits.total.bytes = 100;
  start_agent(options);
  start_process(1);
  EXPECT_EQ(stats().rejected.at("bytes"), 1U);
}

TEST_F(CollectTest, SeriesAreLimitedOverAllSegments) {
  CollectOptions options;
  options.limits.total.series = 1;
  start_agent(options);
  start_process(1);
  start_process(2);
  EXPECT_EQ(sum(), 1U);
  EXPECT_EQ(stats().conflicts[static_cast<std::size_t>(agent::Conflict::kSeriesLimit)], 1U);
}

TEST_F(CollectTest, DropsAreSummedOverTheLivingAndTheDead) {
  start_agent();
  for (int i = 0; i < 2; ++i) {
    SegmentBuilder builder = SegmentFile::builder_with(1);
    builder.header().drops[static_cast<std::size_t>(shm::DropReason::kNotFinite)] = 5;
    start_process(std::move(builder));
  }
  gather();
  segments_[0]->die();
  sweep();
  EXPECT_EQ(stats().drops[static_cast<std::size_t>(shm::DropReason::kNotFinite)], 10U);
}

TEST_F(CollectTest, TheOtherDefinitionComesInWhenTheFirstHasDied) {
  start_agent();
  const auto with_bounds = [](std::vector<double> bounds, std::uint64_t observed) {
    SegmentBuilder builder(shop_shape());
    builder.new_series(builder.new_family(histogram("h", std::move(bounds))));
    builder.new_series(builder.new_family(counter("b_total")));
    builder.set_cell(0, builder.first_cell(0), observed);
    builder.set_cell(0, builder.first_cell(1), 1);
    return builder;
  };
  SegmentFile& old = start_process(with_bounds({1}, 5));
  start_process(with_bounds({2, 3}, 7));
  EXPECT_EQ(slot(gather(), "h"), 5U);
  old.die();
  sweep();
  const agent::Snapshot snapshot = gather();
  EXPECT_EQ(find_family(snapshot, "h")->family->bounds, (std::vector<double>{2, 3}));
  EXPECT_EQ(slot(snapshot, "h"), 7U);
  EXPECT_EQ(slot(snapshot, "b_total"), 2U) << "the rest of both counts once";
}

TEST_F(CollectTest, RowsOfTheDeadLeaveAfterTheRetentionTime) {
  CollectOptions options;
  options.retention_s = 1000;
  start_agent(options);
  start_process(1).die();
  sweep();
  pass(900);
  sweep();
  EXPECT_EQ(sum(), 1U);
  pass(300);
  sweep();
  EXPECT_EQ(sum(), std::nullopt);
  EXPECT_EQ(stats().retired_rows, 1U);
  start_agent(options);
  EXPECT_EQ(sum(), std::nullopt) << "nor does the ledger bring them back";
}

TEST_F(CollectTest, AClockSetOnRetiresNobodysRows) {
  constexpr std::int64_t kDays = 24 * 3600;
  start_agent();
  start_process(1).die();
  sweep();
  set_clock(8 * kDays);
  pass(1000);
  sweep();
  EXPECT_EQ(sum(), 1U);
  set_clock(8 * kDays);
  start_agent();
  sweep();
  EXPECT_EQ(sum(), 1U) << "nor between two agents";
  pass(7 * kDays);
  set_clock(-24 * kDays);
  sweep();
  EXPECT_EQ(sum(), std::nullopt) << "and setting it back keeps nothing";
}

TEST_F(CollectTest, TimesOfAnOlderLedgerAreAsIfSeenNow) {
  CollectOptions options;
  options.retention_s = 1000;
  start_agent(options);
  start_process(1).die();
  pass(1'000'000'000);  // a unix time, as version 1 has them
  sweep();
  now_.boot_s = 5000;
  start_agent(options);
  sweep();
  pass(999);
  sweep();
  EXPECT_EQ(sum(), 1U);
  pass(1);
  sweep();
  pass(600);
  sweep();
  EXPECT_EQ(sum(), std::nullopt);
}

TEST_F(CollectTest, WhatWaitsDoesNotWaitForAClockThatWasSetBack) {
  start_agent();
  sweep();
  // Half written, so that it has to be looked at again.
  SegmentBuilder builder = SegmentFile::builder_with(7);
  directory_.write("late.notch", std::string(builder.bytes().size(), '\0'));
  collect_->add(std::vector<std::string>{"late.notch"}, now_);
  EXPECT_EQ(sum(), std::nullopt);
  SegmentFile late(directory_, "late.notch", std::move(builder));
  set_clock(-3600);
  pass(11);
  sweep();
  EXPECT_EQ(sum(), 7U);
}

class PerProcessTest : public CollectTest {
 protected:
  static CollectOptions options() {
    CollectOptions options;
    options.tally.per_process = true;
    options.linger_s = 300;
    return options;
  }
  static constexpr const char* kRow = "service=\"shop\",pid=\"4711\"";
};

TEST_F(PerProcessTest, ADeadProcessesRowLingersAndThenLeavesWithItsFile) {
  start_agent(options());
  SegmentFile& dying = start_process(3);
  dying.die();
  sweep();
  pass(299);
  sweep();
  EXPECT_EQ(sum(kRow), 3U);
  EXPECT_TRUE(directory_.has(dying.name()));
  pass(1);
  sweep();
  EXPECT_EQ(sum(kRow), std::nullopt);
  EXPECT_FALSE(directory_.has(dying.name()));
  EXPECT_EQ(stats().folds, 0U);
}

TEST_F(PerProcessTest, TheOldestLingeringMakesRoomForTheNew) {
  CollectOptions limited = options();
  limited.limits.total.segments = 1;
  start_agent(limited);
  SegmentFile& dying = start_process(3);
  dying.die();
  sweep();
  start_process(4);
  EXPECT_EQ(sum(kRow), 4U);
  EXPECT_FALSE(directory_.has(dying.name()));
}

}  // namespace
}  // namespace notch::testing
