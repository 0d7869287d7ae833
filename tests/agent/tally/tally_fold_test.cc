// What the dead leave: folds, retention, the limit, and back from the ledger.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/ledger/ledger.h"
#include "agent/tally/tally.h"
#include "tests/agent/tally/fake_segment.h"
#include "tests/agent/tally/tally_fold_fixture.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: the fixture's verbs

TEST_F(TallyFoldTest, WhatTheDeadCountedStays) {
  const auto living = segment();
  living->cells[living->add(counter_entry("a_total"))] = 1;
  const auto dying = segment();
  dying->cells[dying->add(counter_entry("a_total"))] = 2;
  EXPECT_EQ(slot(gather(tally_, {living.get(), dying.get()}), "a_total"), 3U);
  fold(*dying);
  EXPECT_EQ(slot(gather(tally_, {living.get()}), "a_total"), 3U);
}

TEST_F(TallyFoldTest, FamiliesAndRowsBelongToWhoWasFirst) {
  const auto mine = segment();
  const std::uint32_t family = mine->of(1001).define(counter_entry("a_total", {"x"}));
  mine->cells[mine->add_series(family, {"1"})] = 1;
  const auto others = segment();
  const std::uint32_t same = others->of(1002).define(counter_entry("a_total", {"x"}));
  others->cells[others->add_series(same, {"1"})] = 2;
  others->cells[others->add_series(same, {"2"})] = 4;
  fold(*others);
  fold(*mine);
  const KeptRows dead = tally_.dead_rows({});
  ASSERT_EQ(dead.families.size(), 1U);
  EXPECT_EQ(dead.families[0].owner_uid, 1001U);
  ASSERT_EQ(dead.rows.size(), 2U);
  EXPECT_EQ(dead.rows[0].owner_uid, 1001U);
  EXPECT_EQ(dead.rows[1].owner_uid, 1002U);
  Tally next{TallyOptions{}};
  Recovered recovered;
  recovered.families = dead.families;
  recovered.rows = dead.rows;
  next.restore(recovered);
  const KeptRows again = next.dead_rows({});
  EXPECT_EQ(again.families, dead.families);
  EXPECT_EQ(again.rows, dead.rows);
}

// As version 1 of the ledger leaves them.
TEST_F(TallyFoldTest, WhatBelongsToNobodyIsItsNextUsers) {
  live_and_die(1, "1");
  EXPECT_EQ(tally_.dead_rows({}).rows[0].owner_uid, kUnknownOwner);
  const auto next = segment();
  next->add_series(next->of(1001).define(counter_entry("a_total", {"x"})), {"1"});
  EXPECT_EQ(tally_.dead_rows({}).families[0].owner_uid, 1001U);
  EXPECT_EQ(tally_.dead_rows({}).rows[0].owner_uid, 1001U);
}

TEST_F(TallyFoldTest, GaugesLeaveButLastStays) {
  const auto dying = segment();
  dying->set_gauge(dying->add(gauge_entry("sum", shm::GaugeMode::kSum)), 1);
  const std::uint32_t last = dying->add(gauge_entry("last", shm::GaugeMode::kLast));
  dying->set_gauge(last, 2);
  dying->cells[last + 1] = 500;
  fold(*dying);
  EXPECT_EQ(gauge(gather(tally_, {}), "sum"), std::nullopt);
  EXPECT_EQ(gauge(gather(tally_, {}), "last"), 2);

  const auto earlier = segment();
  const std::uint32_t cell = earlier->add(gauge_entry("last", shm::GaugeMode::kLast));
  earlier->set_gauge(cell, 7);
  earlier->cells[cell + 1] = 400;
  EXPECT_EQ(gauge(gather(tally_, {earlier.get()}), "last"), 2) << "set before the dead one's";
  earlier->cells[cell + 1] = 600;
  EXPECT_EQ(gauge(gather(tally_, {earlier.get()}), "last"), 7);
}

TEST_F(TallyFoldTest, NativeHistogramsFoldBucketByBucket) {
  for (int i = 0; i < 2; ++i) {
    const auto dying = segment();
    const std::uint32_t cell = dying->add(family_entry(shm::FamilyType::kNativeHistogram, "n"));
    dying->cells[cell] = 1;
    dying->set_float(cell + 1, 2.5);
    dying->cells[dying->add_chunk(0, -2) + 5] = 3;
    dying->cells[dying->add_chunk(0, -2) + 5] = 3;  // the same chunk once more
    fold(*dying);
  }
  const Snapshot snapshot = gather(tally_, {});
  const NativeValue& value = find_family(snapshot, "n")->natives[0];
  EXPECT_EQ(value.zero_count, 2U);
  EXPECT_EQ(value.sum, 5);
  ASSERT_EQ(value.positive.size(), 1U);
  EXPECT_EQ(value.positive[0], std::pair(-59, std::uint64_t{12}));
}

TEST_F(TallyFoldTest, TheLedgerGivesTheSameSumsBack) {
  live_and_die(3, "1");
  live_and_die(4, "1");
  const auto dying = segment();
  const std::uint32_t cell = dying->add(histogram_entry("h", {1}));
  dying->cells[cell + 1] = 9;
  dying->set_float(cell + 2, 4.5);
  const std::uint32_t native = dying->add(family_entry(shm::FamilyType::kNativeHistogram, "n"));
  dying->cells[native] = 2;
  dying->cells[dying->add_chunk(1, 1, true)] = 8;
  fold(*dying);

  Recovered recovered;
  Ledger reopened;
  ASSERT_TRUE(reopened.open(directory_.fd(), "agent.ledger", recovered).ok);
  Tally restored{TallyOptions{}};
  restored.restore(recovered);
  const Snapshot snapshot = gather(restored, {});
  EXPECT_EQ(slot(snapshot, "a_total", labels("1")), 7U);
  EXPECT_EQ(slot(snapshot, "h", "service=\"shop\"", 1), 9U);
  EXPECT_EQ(float_slot(snapshot, "h", "service=\"shop\"", 2), 4.5);
  const NativeValue& value = find_family(snapshot, "n")->natives[0];
  EXPECT_EQ(value.zero_count, 2U);
  EXPECT_EQ(value.negative.at(0), std::pair(32, std::uint64_t{8}));
}

TEST_F(TallyFoldTest, ACompactedLedgerGivesTheSameSumsBack) {
  for (int i = 0; i < 5; ++i) live_and_die(3, std::to_string(i % 2));
  const KeptRows kept = tally_.dead_rows({.boot_s = 200});
  ASSERT_TRUE(ledger_.compact(kept.families, kept.rows).ok);
  tally_.renumber(kept);
  live_and_die(1, "0");
  Recovered recovered;
  Ledger reopened;
  ASSERT_TRUE(reopened.open(directory_.fd(), "agent.ledger", recovered).ok);
  Tally restored{TallyOptions{}};
  restored.restore(recovered);
  EXPECT_EQ(slot(gather(restored, {}), "a_total", labels("0")), 10U);
  EXPECT_EQ(slot(gather(restored, {}), "a_total", labels("1")), 6U);
}

TEST_F(TallyFoldTest, OfTwoDefinitionsInTheLedgerTheLaterCounts) {
  Recovered recovered;
  recovered.families.resize(2);
  for (Family& family : recovered.families) {
    family.name = "h";
    family.type = MetricType::kHistogram;
  }
  recovered.families[0].bounds = {1};
  recovered.families[1].bounds = {1, 2};
  recovered.rows.resize(2);
  recovered.rows[0] = {0, "x=\"1\"", 5, {0, {1, 1, 0}, {}, {}}};
  recovered.rows[1] = {1, "x=\"2\"", 5, {1, {1, 1, 1, 0}, {}, {}}};
  tally_.restore(recovered);
  const Snapshot snapshot = gather(tally_, {});
  ASSERT_EQ(snapshot.families.size(), 1U);
  EXPECT_EQ(snapshot.families[0].family->bounds.size(), 2U);
  EXPECT_EQ(snapshot.families[0].rows.size(), 1U);
}

TEST_F(TallyFoldTest, RowsOfTheDeadLeaveAfterTheirTime) {
  live_and_die(3, "old", {.boot_s = 100});
  live_and_die(3, "new", {.boot_s = 150});
  EXPECT_EQ(tally_.retire({.boot_s = 199}, 100), 0U);
  EXPECT_EQ(tally_.retire({.boot_s = 200}, 100), 1U);
  EXPECT_TRUE(tally_.ledger_is_stale());
  const Snapshot snapshot = gather(tally_, {});
  EXPECT_EQ(find_row(snapshot, "a_total", labels("old")), nullptr);
  EXPECT_EQ(slot(snapshot, "a_total", labels("new")), 3U);
}

TEST_F(TallyFoldTest, RowsWithALivingPartStay) {
  live_and_die(3, "1", {.boot_s = 100});
  const auto living = segment();
  living->add_series(living->define(counter_entry("a_total", {"x"})), {"1"});
  EXPECT_EQ(tally_.retire({.boot_s = 1'000'000}, 100), 0U);
  EXPECT_EQ(slot(gather(tally_, {living.get()}), "a_total", labels("1")), 3U);
}

TEST_F(TallyFoldTest, RetentionOfZeroIsForEver) {
  live_and_die(3, "1", {.boot_s = 100});
  EXPECT_EQ(tally_.retire({.boot_s = 1'000'000'000}, 0), 0U);
}

TEST_F(TallyFoldTest, CompactionMovesLivingBindingsWithTheirRows) {
  const auto living = segment();
  const std::uint32_t family = living->define(counter_entry("a_total", {"x"}));
  constexpr int kRows = 3000;
  for (int i = 0; i < kRows; ++i) live_and_die(1, "dead" + std::to_string(i), {.boot_s = 100});
  living->cells[living->add_series(family, {"a"})] = 5;
  live_and_die(2, "kept", {.boot_s = 500});
  living->cells[living->add_series(family, {"b"})] = 6;
  const std::uint32_t native = living->add(family_entry(shm::FamilyType::kNativeHistogram, "n"));
  living->cells[native] = 7;
  living->cells[living->add_chunk(2, 0)] = 8;
  gather(tally_, {living.get()});
  EXPECT_EQ(tally_.retire({.boot_s = 500}, 300), static_cast<std::uint64_t>(kRows));
  const std::size_t slots_before = tally_.slots();
  tally_.compact_if_worth();
  EXPECT_EQ(tally_.slots(), slots_before - kRows);
  const Snapshot snapshot = gather(tally_, {living.get()});
  EXPECT_EQ(slot(snapshot, "a_total", labels("a")), 5U);
  EXPECT_EQ(slot(snapshot, "a_total", labels("b")), 6U);
  EXPECT_EQ(slot(snapshot, "a_total", labels("kept")), 2U);
  const NativeValue& value = find_family(snapshot, "n")->natives[0];
  EXPECT_EQ(value.zero_count, 7U);
  EXPECT_EQ(value.positive.at(0).second, 8U);
  fold(*living);
  EXPECT_EQ(slot(gather(tally_, {}), "a_total", labels("a")), 5U);
}

TEST_F(TallyFoldTest, ASumNeverFallsThroughACompaction) {
  const auto living = segment();
  const std::uint32_t cell = living->add(counter_entry("b_total"));
  for (int i = 0; i < 2000; ++i) live_and_die(1, std::to_string(i), {.boot_s = 100});
  living->cells[cell] = 10;
  gather(tally_, {living.get()});
  tally_.retire({.boot_s = 1000}, 100);
  tally_.compact_if_worth();
  living->cells[cell] = 4;
  EXPECT_EQ(slot(gather(tally_, {living.get()}), "b_total"), 10U);
}

// As an agent that is killed leaves a ledger, once it has renamed a service and not yet compacted.
TEST_F(TallyFoldTest, RecoveredRowsOfEqualLabelsAreAddedUp) {
  Recovered recovered;
  recovered.families.resize(1);
  recovered.families[0].name = "a_total";
  for (const std::uint64_t count : {5U, 7U}) {
    RecoveredRow row;
    row.labels = labels("1");
    row.total.slots = {count};
    row.last_seen_boot_s = 100 - count;
    recovered.rows.push_back(row);
  }
  tally_.restore(recovered);
  EXPECT_EQ(slot(gather(tally_, {}), "a_total", labels("1")), 12U);
  EXPECT_TRUE(tally_.ledger_is_stale());
  EXPECT_EQ(tally_.ledger_rows(), 1U);
  EXPECT_EQ(tally_.dead_rows({.boot_s = 200}).rows.at(0).last_seen_boot_s, 95U);
}

}  // namespace
}  // namespace notch::agent
