// One rule each: how the numbers of several processes become one row.
#include "agent/tally/tally.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: the fixture's verbs

class TallyTest : public ::testing::Test {
 protected:
  Tally tally_{TallyOptions{}};
  FakeSegment first_{tally_, 1};
  FakeSegment second_{tally_, 2};

  Snapshot gather_both() { return gather(tally_, {&first_, &second_}); }
};

TEST_F(TallyTest, AddsCountersOfOneService) {
  first_.cells[first_.add(counter_entry("a_total"))] = 3;
  second_.cells[second_.add(counter_entry("a_total"))] = 4;
  EXPECT_EQ(slot(gather_both(), "a_total"), 7U);
}

TEST_F(TallyTest, ARowOfSeveralWasCreatedWithTheOldestUntilItIsShown) {
  FakeSegment third(tally_, 3);
  first_.binding().zero_unix_s = 300;
  second_.binding().zero_unix_s = 200;
  third.binding().zero_unix_s = 100;
  first_.add(counter_entry("a_total"));
  second_.add(counter_entry("a_total"));
  EXPECT_EQ(find_row(gather_both(), "a_total", "service=\"shop\"")->created_unix_s, 200U);
  third.add(counter_entry("a_total"));
  EXPECT_EQ(find_row(gather_both(), "a_total", "service=\"shop\"")->created_unix_s, 200U);
}

TEST_F(TallyTest, AddsFloatCounters) {
  shm::FamilyEntry entry = counter_entry("a_total");
  entry.number = shm::NumberKind::kFloat;
  first_.set_float(first_.add(entry), 0.5);
  second_.set_float(second_.add(entry), 0.25);
  EXPECT_EQ(float_slot(gather_both(), "a_total"), 0.75);
}

TEST_F(TallyTest, AddsBucketsAndSumsOfHistograms) {
  for (FakeSegment* segment : {&first_, &second_}) {
    const std::uint32_t cell = segment->add(histogram_entry("h", {1, 2}));
    segment->cells[cell] = 1;
    segment->cells[cell + 2] = 5;
    segment->set_float(cell + 3, -1.5);
  }
  const Snapshot snapshot = gather_both();
  EXPECT_EQ(slot(snapshot, "h", "service=\"shop\"", 0), 2U);
  EXPECT_EQ(slot(snapshot, "h", "service=\"shop\"", 1), 0U);
  EXPECT_EQ(slot(snapshot, "h", "service=\"shop\"", 2), 10U);
  EXPECT_EQ(float_slot(snapshot, "h", "service=\"shop\"", 3), -3.0);
}

TEST_F(TallyTest, MergesNativeHistogramsBucketByBucket) {
  for (FakeSegment* segment : {&first_, &second_}) {
    const std::uint32_t cell = segment->add(family_entry(shm::FamilyType::kNativeHistogram, "n"));
    segment->cells[cell] = 1;
    segment->set_float(cell + 1, 2);
    segment->cells[segment->add_chunk(0, -1) + 31] = 4;
    segment->cells[segment->add_chunk(0, segment == &first_ ? 3 : 4)] = 5;
    segment->cells[segment->add_chunk(0, 0, true) + 2] = 6;
  }
  const Snapshot snapshot = gather_both();
  const FamilySnapshot* family = find_family(snapshot, "n");
  ASSERT_NE(family, nullptr);
  const NativeValue& value = family->natives[family->rows[0].detail];
  using Buckets = std::vector<std::pair<std::int32_t, std::uint64_t>>;
  EXPECT_EQ(value.zero_count, 2U);
  EXPECT_EQ(value.sum, 4);
  EXPECT_EQ(value.positive, (Buckets{{-1, 8}, {96, 5}, {128, 5}}));
  EXPECT_EQ(value.negative, (Buckets{{2, 12}}));
}

TEST_F(TallyTest, GaugesCombineByTheirMode) {
  using enum shm::GaugeMode;
  const std::vector<std::pair<shm::GaugeMode, double>> expected = {{kSum, 5}, {kMin, 2}, {kMax, 3}};
  for (const auto& [mode, value] : expected) {
    const std::string name = "g" + std::to_string(static_cast<int>(mode));
    first_.set_gauge(first_.add(gauge_entry(name, mode)), 2);
    second_.set_gauge(second_.add(gauge_entry(name, mode)), 3);
    EXPECT_EQ(gauge(gather_both(), name), value) << name;
  }
}

TEST_F(TallyTest, UnsetGaugesDoNotCount) {
  first_.set_gauge(first_.add(gauge_entry("g", shm::GaugeMode::kMin)), 2);
  second_.add(gauge_entry("g", shm::GaugeMode::kMin));
  EXPECT_EQ(gauge(gather_both(), "g"), 2);
}

TEST_F(TallyTest, AGaugeSetToZeroCounts) {
  first_.set_gauge(first_.add(gauge_entry("g", shm::GaugeMode::kMin)), 2);
  second_.set_gauge(second_.add(gauge_entry("g", shm::GaugeMode::kMin)), 0);
  EXPECT_EQ(gauge(gather_both(), "g"), 0);
}

TEST_F(TallyTest, LastIsTheMostRecentlySet) {
  const std::uint32_t older = first_.add(gauge_entry("g", shm::GaugeMode::kLast));
  const std::uint32_t newer = second_.add(gauge_entry("g", shm::GaugeMode::kLast));
  first_.set_gauge(older, 2);
  first_.cells[older + 1] = 100;
  second_.set_gauge(newer, 3);
  second_.cells[newer + 1] = 200;
  EXPECT_EQ(gauge(gather_both(), "g"), 3);
  first_.cells[older + 1] = 300;
  EXPECT_EQ(gauge(gather_both(), "g"), 2);
}

// A process sets its gauge after the first look at it.
class SetWhileRead final : public CellSource {
 public:
  SetWhileRead(FakeSegment& segment, std::uint32_t cell) : segment_(segment), cell_(cell) {}
  void add_cells(std::uint32_t first_cell, std::span<std::uint64_t> out) const override {
    segment_.add_cells(first_cell, out);
  }
  void add_float_cells(std::uint32_t first_cell, std::span<double> out) const override {
    segment_.add_float_cells(first_cell, out);
  }
  std::uint64_t shared_cell(std::uint32_t cell) const override {
    const std::uint64_t before = segment_.shared_cell(cell);
    segment_.set_gauge(cell_, 9);
    segment_.cells[cell_ + 1] = 900;
    return before;
  }

 private:
  FakeSegment& segment_;
  std::uint32_t cell_;
};

TEST_F(TallyTest, LastGivesNoOldValueANewTime) {
  const std::uint32_t cell = first_.add(gauge_entry("g", shm::GaugeMode::kLast));
  const std::uint32_t between = second_.add(gauge_entry("g", shm::GaugeMode::kLast));
  first_.set_gauge(cell, 2);
  first_.cells[cell + 1] = 100;
  second_.set_gauge(between, 3);
  second_.cells[between + 1] = 200;
  const Moment now = {0, 1'000'000};
  tally_.begin_gather();
  tally_.add(first_.binding(), SetWhileRead(first_, cell), now);
  tally_.add(second_.binding(), second_, now);
  EXPECT_EQ(gauge(tally_.finish_gather(), "g"), 3);
  EXPECT_EQ(gauge(gather_both(), "g"), 9);
}

TEST_F(TallyTest, LastFromTheFutureIsFromNow) {
  const std::uint32_t liar = first_.add(gauge_entry("g", shm::GaugeMode::kLast));
  first_.set_gauge(liar, 2);
  first_.cells[liar + 1] = ~std::uint64_t{0};
  const Moment now = {0, 1'000'000};
  const FoldDraft draft = tally_.draft_fold(first_.binding(), first_, now);
  ASSERT_EQ(draft.changes.size(), 1U);
  EXPECT_EQ(draft.changes[0].slots[1], now.monotonic_ns);
}

TEST_F(TallyTest, EachHasARowPerProcessThatLeavesWithIt) {
  first_.set_gauge(first_.add(gauge_entry("g", shm::GaugeMode::kEach)), 2);
  second_.set_gauge(second_.add(gauge_entry("g", shm::GaugeMode::kEach)), 3);
  Snapshot snapshot = gather_both();
  EXPECT_EQ(gauge(snapshot, "g", "service=\"shop\",pid=\"1\""), 2);
  EXPECT_EQ(gauge(snapshot, "g", "service=\"shop\",pid=\"2\""), 3);
  first_.end();
  snapshot = gather(tally_, {&second_});
  EXPECT_EQ(find_row(snapshot, "g", "service=\"shop\",pid=\"1\""), nullptr);
  EXPECT_EQ(gauge(snapshot, "g", "service=\"shop\",pid=\"2\""), 3);
}

TEST_F(TallyTest, UpDownCountersAreSummedOverTheLiving) {
  shm::FamilyEntry entry = family_entry(shm::FamilyType::kUpDownCounter, "u");
  entry.number = shm::NumberKind::kSigned;
  first_.cells[first_.add(entry)] = static_cast<std::uint64_t>(-5);
  second_.cells[second_.add(entry)] = 2;
  EXPECT_EQ(slot(gather_both(), "u"), static_cast<std::uint64_t>(-3));
  first_.end();
  EXPECT_EQ(slot(gather(tally_, {&second_}), "u"), 2U);
  second_.end();
  EXPECT_EQ(slot(gather(tally_, {}), "u"), std::nullopt);
}

TEST_F(TallyTest, FloatUpDownCountersCountAsSetEvenAtZero) {
  shm::FamilyEntry entry = family_entry(shm::FamilyType::kUpDownCounter, "u");
  entry.number = shm::NumberKind::kFloat;
  first_.set_float(first_.add(entry), -1.5);
  second_.set_float(second_.add(entry), 1.5);
  EXPECT_EQ(gauge(gather_both(), "u"), 0);
}

TEST_F(TallyTest, NotFiniteNumbersAreLeftOutAndCounted) {
  first_.set_gauge(first_.add(gauge_entry("g", shm::GaugeMode::kSum)), std::nan(""));
  second_.set_gauge(second_.add(gauge_entry("g", shm::GaugeMode::kSum)), 3);
  EXPECT_EQ(gauge(gather_both(), "g"), 3);
  EXPECT_EQ(tally_.not_finite(), 1U);
}

TEST_F(TallyTest, FamiliesAreSortedAndRowsStandAsTheyCame) {
  const std::uint32_t family = first_.define(counter_entry("z_total", {"x"}));
  first_.add_series(family, {"2"});
  first_.add_series(family, {"1"});
  first_.add(counter_entry("a_total"));
  const Snapshot snapshot = gather_both();
  ASSERT_EQ(snapshot.families.size(), 2U);
  EXPECT_EQ(snapshot.families[0].family->name, "a_total");
  EXPECT_EQ(snapshot.families[1].rows[0].labels, "service=\"shop\",x=\"2\"");
  EXPECT_EQ(snapshot.families[1].rows[1].labels, "service=\"shop\",x=\"1\"");
}

TEST_F(TallyTest, OneLabelSetIsOneRowInWhateverOrder) {
  first_.cells[first_.add_series(first_.define(counter_entry("a_total", {"x", "y"})), {"1", "2"})] =
      3;
  second_.cells[second_.add_series(second_.define(counter_entry("a_total", {"y", "x", "w"})),
                                   {"2", "1", ""})] = 4;
  EXPECT_EQ(slot(gather_both(), "a_total", "service=\"shop\",x=\"1\",y=\"2\""), 7U);
}

TEST_F(TallyTest, ACounterThatFallsDoesNotTakeTheSumWithIt) {
  const std::uint32_t cell = first_.add(counter_entry("a_total"));
  second_.cells[second_.add(counter_entry("a_total"))] = 4;
  first_.cells[cell] = 10;
  gather_both();
  first_.cells[cell] = 1;
  EXPECT_EQ(slot(gather_both(), "a_total"), 14U);
  EXPECT_EQ(tally_.reset_count(), 1U);
  first_.cells[cell] = 11;
  EXPECT_EQ(slot(gather_both(), "a_total"), 15U);
}

TEST_F(TallyTest, SumsOfHistogramsAndGaugesMayFall) {
  const std::uint32_t cell = first_.add(histogram_entry("h", {1}));
  const std::uint32_t other = first_.add(gauge_entry("g", shm::GaugeMode::kSum));
  first_.set_float(cell + 2, 5);
  first_.set_gauge(other, 5);
  gather_both();
  first_.set_float(cell + 2, 2);
  first_.set_gauge(other, 2);
  const Snapshot snapshot = gather_both();
  EXPECT_EQ(float_slot(snapshot, "h", "service=\"shop\"", 2), 2);
  EXPECT_EQ(gauge(snapshot, "g"), 2);
}

TEST_F(TallyTest, NeighboursAreOneRun) {
  const std::uint32_t family = first_.define(counter_entry("a_total", {"x"}));
  for (int i = 0; i < 100; ++i) first_.add_series(family, {std::to_string(i)});
  EXPECT_EQ(first_.binding().runs.size(), 1U);
}

TEST_F(TallyTest, ASnapshotOutlivesWhatComesAfter) {
  first_.cells[first_.add(counter_entry("a_total", {"x"}))] = 3;
  const Snapshot kept = gather_both();
  for (int round = 0; round < 5; ++round) {
    first_.cells[0] += 10;
    gather_both();
  }
  first_.end();
  EXPECT_EQ(slot(kept, "a_total"), 3U);
}

TEST_F(TallyTest, SeriesPastTheLimitAreLeftOutAndCounted) {
  FakeSegment limited(tally_, 3, false, 1);
  const std::uint32_t family = limited.define(counter_entry("a_total", {"x"}));
  limited.add_series(family, {"1"});
  limited.add_series(family, {"2"});
  EXPECT_EQ(tally_.rows(), 1U);
  EXPECT_EQ(limited.left_out(Conflict::kSeriesLimit), 1U);
}

TEST_F(TallyTest, SeriesThatShareCellsPastTheSegmentsOwnAreLeftOut) {
  first_.binding().cell_capacity = 4;
  const std::uint32_t family = first_.define(histogram_entry("h", {1, 2}));
  first_.add_series(family);
  first_.add_series(family);
  EXPECT_EQ(first_.left_out(Conflict::kCells), 1U);
}

TEST_F(TallyTest, PerProcessRowsCarryThePidAndLeaveWithIt) {
  Tally tally{TallyOptions{.per_process = true}};
  FakeSegment segment(tally, 7, true);
  segment.cells[segment.add(counter_entry("a_total"))] = 3;
  EXPECT_EQ(slot(gather(tally, {&segment}), "a_total", "service=\"shop\",pid=\"7\""), 3U);
  segment.end();
  EXPECT_EQ(tally.rows(), 0U);
}

TEST_F(TallyTest, ExemplarsStandAtTheirBucketsSlot) {
  const std::uint32_t cell = first_.add(histogram_entry("h", {1, 2}));
  const std::vector<shm::ExemplarEntry> entries = {
      {cell + 1, 1.5, 9, {}, {}}, {cell, 1.5, 9, {}, {}}, {cell + 3, 1.5, 9, {}, {}}};
  tally_.take_exemplars(first_.binding(), entries);
  const Snapshot snapshot = gather_both();
  const FamilySnapshot* family = find_family(snapshot, "h");
  ASSERT_EQ(family->exemplars.size(), 1U) << "not those outside their bucket, or at the sum";
  EXPECT_EQ(family->exemplars[0].slot, family->rows[0].first_slot + 1);
}

// What held a dropped row's slots would be found again in every round.
TEST(TallyPerProcess, RowsThatLeftAreNoStepBack) {
  Tally tally{TallyOptions{.per_process = true}};
  FakeSegment living(tally, 1, true);
  living.cells[living.add(counter_entry("a_total"))] = 3;
  FakeSegment dying(tally, 2, true);
  dying.cells[dying.add(counter_entry("a_total"))] = 4;
  dying.cells[dying.add(histogram_entry("h", {1}))] = 5;
  dying.add(native_entry("n"));
  dying.cells[dying.add_chunk(2, 0)] = 6;
  gather(tally, {&living, &dying});
  dying.end();
  for (const std::size_t fallen : {3U, 0U, 0U}) {
    EXPECT_EQ(slot(gather(tally, {&living}), "a_total", "service=\"shop\",pid=\"1\""), 3U);
    EXPECT_EQ(tally.slots_reset(), fallen);
    EXPECT_EQ(tally.reset_count(), 0U) << "nothing is shown that fell";
  }
}

}  // namespace
}  // namespace notch::agent
