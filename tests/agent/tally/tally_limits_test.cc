// How much the dead may have, each user's and all: what is past it goes to the overflow row.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/tally/tally_fold_fixture.h"

namespace notch::agent {
namespace {

constexpr std::uint32_t kOne = 61001;
constexpr std::uint32_t kOther = 61002;

std::string overflow_of(std::uint32_t uid) {
  return "service=\"(others)@" + std::to_string(uid) + "\",overflow=\"true\"";
}

class TallyLimitTest : public TallyFoldTest {
 protected:
  TallyLimitTest()
      : TallyFoldTest(TallyOptions{.rows = {.dead_rows = 2, .dead_rows_per_uid = 2}}) {}

  std::uint64_t total(const std::vector<FakeSegment*>& living = {}) {
    std::uint64_t sum = 0;
    const Snapshot snapshot = gather(tally_, living);
    const FamilySnapshot* family = find_family(snapshot, "a_total");
    for (const Row& row : family->rows) sum += family->slots[row.first_slot];
    return sum;
  }
};

TEST_F(TallyLimitTest, PastItTheDeadGoToTheOverflowRowAndNothingIsLost) {
  for (int i = 0; i < 10; ++i) live_and_die(1, std::to_string(i));
  EXPECT_EQ(total(), 10U);
  EXPECT_EQ(slot(gather(tally_, {}), "a_total", "overflow=\"true\""), 8U);
  EXPECT_EQ(tally_.overflowed_rows(), 8U);
  EXPECT_EQ(tally_.rows(), 3U);
}

TEST_F(TallyLimitTest, ARowThatOverflowedIsNotShownTwice) {
  for (int i = 0; i < 2; ++i) live_and_die(1, std::to_string(i));
  const auto living = segment();
  const std::uint32_t family = living->define(counter_entry("a_total", {"x"}));
  for (int i = 0; i < 2; ++i) living->add_series(family, {std::to_string(i)});
  const auto dying = segment();
  dying->cells[dying->add_series(dying->define(counter_entry("a_total", {"x"})), {"2"})] = 5;
  gather(tally_, {living.get(), dying.get()});
  fold(*dying);
  EXPECT_EQ(total({living.get()}), 7U);
}

TEST_F(TallyLimitTest, KnownRowsKeepTheirOwn) {
  for (int i = 0; i < 4; ++i) live_and_die(1, std::to_string(i % 2));
  EXPECT_EQ(slot(gather(tally_, {}), "a_total", labels("1")), 2U);
  EXPECT_EQ(tally_.overflowed_rows(), 0U);
}

TEST_F(TallyLimitTest, ARowOthersHaveAPartInKeepsItsOwn) {
  for (int i = 0; i < 2; ++i) live_and_die(1, std::to_string(i));
  const auto living = segment();
  living->cells[living->add_series(living->define(counter_entry("a_total", {"x"})), {"s"})] = 5;
  live_and_die(6, "s");
  EXPECT_EQ(slot(gather(tally_, {living.get()}), "a_total", labels("s")), 11U);
}

TEST_F(TallyLimitTest, RowsThatCountedNothingDoNotPileUp) {
  for (int i = 0; i < 10; ++i) live_and_die(0, std::to_string(i));
  EXPECT_EQ(tally_.rows(), 2U);
}

class TallyUserLimitTest : public TallyFoldTest {
 protected:
  TallyUserLimitTest()
      : TallyFoldTest(TallyOptions{.rows = {.dead_rows = 20, .dead_rows_per_uid = 15}}) {}

  // So many dead of the user, each with a row of its own that counted 1; seen ever later.
  void die(std::uint32_t uid, int many) {
    uid_ = uid;
    for (int i = 0; i < many; ++i) live_and_die(1, row_of(uid, i), {.boot_s = ++time_s_});
  }
  static std::string row_of(std::uint32_t uid, int i) {
    return std::to_string(uid) + "-" + std::to_string(i);
  }
  std::optional<std::uint64_t> shown(std::uint32_t uid, int i) {
    return slot(gather(tally_, {}), "a_total", labels(row_of(uid, i)));
  }
  std::optional<std::uint64_t> overflow(std::uint32_t uid = kOne) {
    return slot(gather(tally_, {}), "a_total", overflow_of(uid));
  }
  // As an agent that is started on what this one has in its ledger.
  void restart_into(Tally& next) {
    const KeptRows kept = tally_.dead_rows({.boot_s = time_s_});
    Recovered recovered;
    recovered.families = kept.families;
    recovered.rows = kept.rows;
    next.restore(recovered);
  }

  std::uint64_t time_s_ = 0;
};

TEST_F(TallyUserLimitTest, OneUsersDeadTakeNoOthersLabels) {
  die(kOne, 100);
  die(kOther, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(shown(kOther, i), 1U);
  EXPECT_EQ(overflow(), 85U);
  EXPECT_FALSE(tally_.has_excess()) << "nothing to be folded away";
}

TEST_F(TallyUserLimitTest, WhereAllIsFullTheLargestUsersOldestAreFoldedAway) {
  die(kOne, 15);
  die(kOther, 6);
  ASSERT_TRUE(tally_.has_excess());
  EXPECT_EQ(tally_.fold_away_excess(ledger_), 2U) << "one, and a twentieth of the limit";
  EXPECT_FALSE(shown(kOne, 0));
  EXPECT_FALSE(shown(kOne, 1));
  EXPECT_EQ(shown(kOne, 2), 1U);
  EXPECT_EQ(shown(kOther, 0), 1U);
  EXPECT_EQ(overflow(), 2U);
  EXPECT_TRUE(tally_.ledger_is_stale());
}

TEST_F(TallyUserLimitTest, WhatWasFoldedAwayIsSoAfterARestart) {
  die(kOne, 15);
  die(kOther, 6);
  tally_.fold_away_excess(ledger_);
  const KeptRows kept = tally_.dead_rows({.boot_s = time_s_});
  ASSERT_TRUE(ledger_.compact(kept.families, kept.rows).ok);
  tally_.renumber(kept);
  die(kOther, 1);
  Tally next{TallyOptions{}};
  restart_into(next);
  EXPECT_EQ(slot(gather(next, {}), "a_total", overflow_of(kOne)), 2U);
  EXPECT_EQ(slot(gather(next, {}), "a_total", labels(row_of(kOther, 0))), 2U);
}

TEST_F(TallyUserLimitTest, ALedgerThatIsTooLargeIsCutAtTheStart) {
  Tally next{TallyOptions{.rows = {.dead_rows = 20, .dead_rows_per_uid = 5}}};
  die(kOne, 15);
  die(kOther, 4);
  restart_into(next);
  ASSERT_TRUE(next.has_excess());
  EXPECT_EQ(next.fold_away_excess(ledger_), 10U);
  EXPECT_FALSE(next.has_excess());
  EXPECT_EQ(slot(gather(next, {}), "a_total", overflow_of(kOne)), 10U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(slot(gather(next, {}), "a_total", labels(row_of(kOther, i))), 1U);
  }
}

TEST_F(TallyUserLimitTest, RowsWithALivingPartStay) {
  uid_ = kOne;
  const auto living = segment();
  living->cells[living->add_series(living->define(counter_entry("a_total", {"x"})),
                                   {row_of(kOne, 0)})] = 5;
  die(kOne, 15);
  die(kOther, 6);
  tally_.fold_away_excess(ledger_);
  EXPECT_EQ(slot(gather(tally_, {living.get()}), "a_total", labels(row_of(kOne, 0))), 6U);
  EXPECT_FALSE(shown(kOne, 1));
}

// Whoever of the two is looked at first.
TEST_F(TallyUserLimitTest, WhoseExcessTheLivingHaveHoldsUpNoOthers) {
  for (const std::uint32_t living_uid : {kOne, kOther}) {
    const std::uint32_t dead_uid = living_uid == kOne ? kOther : kOne;
    die(kOne, 8);
    die(kOther, 8);
    Tally next{TallyOptions{.rows = {.dead_rows = 20, .dead_rows_per_uid = 5}}};
    restart_into(next);
    FakeSegment living(next, 99);
    const std::uint32_t family = living.of(living_uid).define(counter_entry("a_total", {"x"}));
    for (int i = 0; i < 8; ++i) living.add_series(family, {row_of(living_uid, i)});
    next.fold_away_excess(ledger_);
    const Snapshot page = gather(next, {&living});
    EXPECT_FALSE(slot(page, "a_total", labels(row_of(dead_uid, 0))));
    EXPECT_TRUE(slot(page, "a_total", labels(row_of(living_uid, 0))));
    living.end();
  }
}

// Every row of the dead goes to an overflow row, of which users have so many in all.
class TallyOverflowOwnerTest : public TallyFoldTest {
 protected:
  explicit TallyOverflowOwnerTest(std::uint64_t rows = 100)
      : TallyFoldTest(TallyOptions{.rows = {.dead_rows_per_uid = 0, .overflow_rows = rows}}) {}

  void die(std::uint32_t uid, std::uint64_t count) {
    uid_ = uid;
    live_and_die(count, std::to_string(uid));
  }
  std::optional<std::uint64_t> overflow(std::uint32_t uid) {
    return slot(gather(tally_, {}), "a_total", overflow_of(uid));
  }
  std::optional<std::uint64_t> shared() {
    return slot(gather(tally_, {}), "a_total", "overflow=\"true\"");
  }
  bool yields_to(std::uint32_t uid) {
    FakeSegment newer(tally_, 99);
    newer.of(uid).add(gauge_entry("a_total", shm::GaugeMode::kSum));
    const bool yields = tally_.yield_contested();
    newer.end();
    return yields;
  }
};

TEST_F(TallyOverflowOwnerTest, OneUserSpoilsNoOthersRow) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  die(kOther, 5);
  die(kOne, kMost);
  die(kOther, 7);
  die(kOne, kMost);
  EXPECT_EQ(overflow(kOther), 12U);
  EXPECT_EQ(overflow(kOne), kMost);
  EXPECT_EQ(shared(), std::nullopt);
}

TEST_F(TallyOverflowOwnerTest, TheLedgerKeepsThemApart) {
  die(kOther, 5);
  die(kOne, 100);
  die(kOther, 7);
  for (const bool compacted : {false, true}) {
    if (compacted) {
      const KeptRows kept = tally_.dead_rows({.boot_s = 200});
      ASSERT_TRUE(ledger_.compact(kept.families, kept.rows).ok);
    }
    Ledger reread;
    Recovered recovered;
    ASSERT_TRUE(reread.open(directory_.fd(), "agent.ledger", recovered).ok);
    Tally next{TallyOptions{.rows = {.dead_rows_per_uid = 0}}};
    next.restore(recovered);
    const Snapshot page = gather(next, {});
    EXPECT_EQ(slot(page, "a_total", overflow_of(kOther)), 12U);
    EXPECT_EQ(slot(page, "a_total", overflow_of(kOne)), 100U);
  }
}

TEST_F(TallyOverflowOwnerTest, TheSharedRowOfAnOlderLedgerStandsBesideThem) {
  Recovered old;
  old.families.resize(1);
  old.families[0].name = "a_total";
  old.families[0].help = "Help.";
  old.rows.resize(1);
  old.rows[0].labels = "overflow=\"true\"";
  old.rows[0].owner_uid = kManyOwners;
  old.rows[0].total.slots = {40};
  ASSERT_TRUE(ledger_.compact(old.families, old.rows).ok);
  tally_.restore(old);
  die(kOne, 1);
  EXPECT_EQ(shared(), 40U);
  EXPECT_EQ(overflow(kOne), 1U);
}

TEST_F(TallyOverflowOwnerTest, HisOwnServiceOfThatNameIsInHisRow) {
  die(kOne, 2);
  const auto living = segment();
  living->binding().service = "(others)@" + std::to_string(kOne);
  living->cells[living->add_overflow(living->define(counter_entry("a_total", {"x"})))] = 3;
  EXPECT_EQ(slot(gather(tally_, {living.get()}), "a_total", overflow_of(kOne)), 5U);
  fold(*living);
  EXPECT_EQ(overflow(kOne), 5U);
  EXPECT_EQ(tally_.usage().overflow_rows, 1U);
}

TEST_F(TallyOverflowOwnerTest, WhatAUserFoldedYieldsToHisNewDefinitionAlone) {
  die(kOne, 1);
  EXPECT_FALSE(yields_to(kOther));
  EXPECT_TRUE(yields_to(kOne));
}

TEST_F(TallyOverflowOwnerTest, WhereSeveralHaveOneNoneOfThemDropsTheFamily) {
  die(kOne, 1);
  die(kOther, 2);
  EXPECT_FALSE(yields_to(kOne));
  EXPECT_FALSE(yields_to(kOther));
  EXPECT_TRUE(yields_to(0));
}

class TallyOverflowRowsTest : public TallyOverflowOwnerTest {
 protected:
  TallyOverflowRowsTest() : TallyOverflowOwnerTest(2) {}
};

TEST_F(TallyOverflowRowsTest, PastTheLimitOfAllTheSharedRowTakesWhatIsNew) {
  die(kOne, 1);
  die(kOther, 2);
  die(kOther + 1, 4);
  die(kOther + 2, 8);
  die(kOne, 16);
  EXPECT_EQ(overflow(kOne), 17U);
  EXPECT_EQ(overflow(kOther), 2U);
  EXPECT_EQ(overflow(kOther + 1), std::nullopt);
  EXPECT_EQ(shared(), 12U);
  EXPECT_FALSE(yields_to(kOther + 1)) << "its rows are several users'";
  tally_.retire({.boot_s = 1'000}, 1);
  EXPECT_EQ(tally_.usage(), RowUsage());
}

TEST(TallyLedgerBytes, AreAsLargeAsTheLedgerOrMore) {
  ScratchDirectory directory;
  Ledger ledger;
  Recovered nothing;
  ASSERT_TRUE(ledger.open(directory.fd(), "ledger", nothing).ok);
  const std::uint64_t empty = ledger.file_bytes();
  Tally tally{TallyOptions{}};
  FakeSegment segment(tally);
  segment.of(kOne);
  const std::uint32_t counters = segment.define(counter_entry("a_total", {"x"}));
  const std::uint32_t histograms = segment.define(histogram_entry("h", {1, 2, 3}));
  const std::uint32_t natives =
      segment.define(family_entry(shm::FamilyType::kNativeHistogram, "n"));
  for (int i = 0; i < 50; ++i) {
    segment.cells[segment.add_series(counters, {std::to_string(i)})] = 1;
  }
  segment.cells[segment.add_series(histograms)] = 1;
  segment.add_series(natives);
  for (const std::int32_t chunk : {-3, 0, 9}) {
    const std::uint32_t first = segment.add_chunk(51, chunk);
    for (std::uint32_t i = 0; i < shm::kChunkBuckets; ++i) segment.cells[first + i] = 1;
  }
  FoldDraft draft = tally.draft_fold(segment.binding(), segment, {});
  tally.number_fold(draft, ledger);
  tally.apply_fold(draft, segment.binding(), {});
  const KeptRows kept = tally.dead_rows({});
  ASSERT_TRUE(ledger.compact(kept.families, kept.rows).ok);
  constexpr std::uint64_t kFamilies = 3 * 120;
  EXPECT_LE(ledger.file_bytes() - empty, tally.usage().ledger_bytes + kFamilies);
  EXPECT_EQ(tally.usage().dead_rows, 52U);
}

TEST(TallyPageBytes, OfOneUserTakeNoOthersRoom) {
  Tally tally{TallyOptions{.rows = {.page_bytes = 4000, .page_bytes_per_uid = 2000}}};
  FakeSegment large(tally, 1);
  const std::uint32_t family = large.of(kOne).define(counter_entry("a_total", {"x"}));
  for (int i = 0; i < 3; ++i)
    large.add_series(family, {std::string(1, static_cast<char>('a' + i)) + std::string(800, 'x')});
  EXPECT_EQ(large.left_out(Conflict::kPageLimit), 1U);
  EXPECT_EQ(tally.rows(), 2U);
  EXPECT_GT(large.binding().left_out.page_bytes, 800U);
  FakeSegment other(tally, 2);
  const std::uint32_t same = other.of(kOther).define(counter_entry("a_total", {"x"}));
  other.add_series(same, {std::string(800, 'y')});
  other.add_series(same, {"a" + std::string(800, 'x')});
  EXPECT_EQ(other.left_out(Conflict::kPageLimit), 0U) << "a row there is costs nothing more";
  large.end();
  other.end();
  tally.retire({.boot_s = 100}, 1);
  EXPECT_EQ(tally.usage(), RowUsage());
}

TEST(TallyPageBytes, OfOneSegmentAreLimited) {
  Tally tally{TallyOptions{}};
  FakeSegment segment(tally, 1, false, 100, 1000);
  const std::uint32_t family = segment.of(kOne).define(histogram_entry("h", {1, 2}));
  segment.add_series(family);
  segment.add_series(segment.define(counter_entry("a_total", {"x"})), {std::string(800, 'x')});
  EXPECT_EQ(segment.left_out(Conflict::kPageLimit), 1U);
  EXPECT_TRUE(is_nothing(segment.binding().left_out)) << "another's end makes no room for it";
}

}  // namespace
}  // namespace notch::agent
