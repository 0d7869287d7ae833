// One test per rule of catalogue_follower.h, FR7 to FR9: series and chunks; limits; what follow()
// promises.
#include "shm/catalogue_follower.h"

#include <gtest/gtest.h>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/shm/catalogue_fixture.h"

namespace notch::shm {
namespace {

using SeriesRulesTest = CatalogueFollowerTest;

// --- FR7 ---

TEST_F(SeriesRulesTest, RefusesASeriesOutOfOrder) {
  series_record(counter("a_total")).series = 7;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesASeriesOfAFamilyNotYetKnown) {
  series_record(counter("a_total")).family = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesASeriesWithFewerLabelsThanItsFamily) {
  series_record(counter("a_total", {"method", "code"}), {"GET", "200"}).label_count = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, HandsOutAnOverflowSeriesWithoutLabelValues) {
  segment_.new_overflow_series(segment_.new_family(counter("a_total", {"code"})));
  ASSERT_EQ(outcome(), Fault::kNone);
  EXPECT_TRUE(sink_.series[0].overflow);
  EXPECT_TRUE(sink_.series[0].label_values.empty());
}

TEST_F(SeriesRulesTest, RefusesAnOverflowSeriesWithLabelValues) {
  series_record(counter("a_total", {"code"}), {"200"}).flags = kSeriesOverflow;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

class CellCountTest : public SeriesRulesTest, public ::testing::WithParamInterface<FamilySpec> {};

TEST_P(CellCountTest, RefusesOneCellMoreThanTheTypeDemands) {
  series_record(GetParam()).cell_count += 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_P(CellCountTest, RefusesOneCellFewerThanTheTypeDemands) {
  series_record(GetParam()).cell_count -= 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

INSTANTIATE_TEST_SUITE_P(Each, CellCountTest,
                         ::testing::Values(counter("a_total"), up_down_counter("a"),
                                           gauge("a", GaugeMode::kSum),
                                           gauge("a", GaugeMode::kLast), histogram("a", {1, 2}),
                                           native_histogram("a", 3)));

TEST_F(SeriesRulesTest, RefusesTheCellsOfNullHandles) {
  series_record(counter("a_total")).first_cell = kFirstFreeCell - 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesACellPastTheCapacity) {
  series_record(counter("a_total")).first_cell =
      static_cast<std::uint32_t>(segment_.header().cell_capacity);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesARunOfCellsThatEndsPastTheCapacity) {
  series_record(histogram("a", {1})).first_cell =
      static_cast<std::uint32_t>(segment_.header().cell_capacity) - 2;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesARunOfCellsThatWouldWrap) {
  series_record(histogram("a", {1})).first_cell = 0xFFFFFFFF;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

// --- FR8 ---

TEST_F(SeriesRulesTest, RefusesAChunkOfASeriesThatIsNotNative) {
  segment_.new_chunk(segment_.new_series(segment_.new_family(counter("a_total"))), 0);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesAChunkOfASeriesNotYetKnown) {
  chunk_record().series = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesAChunkOfAThirdSign) {
  chunk_record().negative = 2;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, AcceptsTheOutermostChunksAndRefusesTheNext) {
  chunk_record().chunk = -kMaxChunk;
  segment_.new_chunk(0, kMaxChunk);
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.new_chunk(0, kMaxChunk + 1);
  EXPECT_EQ(follow(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesAChunkIndexThatWouldOverflow) {
  chunk_record().chunk = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesAChunkPastTheCapacity) {
  chunk_record().first_cell = static_cast<std::uint32_t>(segment_.header().cell_capacity) - 31;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(SeriesRulesTest, RefusesAChunkInTheCellsOfNullHandles) {
  chunk_record().first_cell = kNullIntegerCell;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

// --- FR9 ---

TEST_F(SeriesRulesTest, AcceptsRunsThatOverlap) {
  const std::uint32_t family = segment_.new_family(counter("a_total"));
  segment_.new_series(family);
  segment_.new_series(family);
  segment_.last_record<SeriesRecord>().first_cell = kFirstFreeCell;
  EXPECT_EQ(outcome(), Fault::kNone);
}

TEST_F(SeriesRulesTest, RefusesMoreCellsInAllThanTheCapacity) {
  chunk_record();
  segment_.header().cell_capacity = kFirstFreeCell + kNativeBaseCells + kChunkBuckets;
  segment_.new_family(histogram("a", {1, 2, 3, 4, 5, 6}));
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.header().cell_capacity *= 2;
  segment_.new_series(1);
  segment_.last_record<SeriesRecord>().first_cell = kFirstFreeCell;
  ASSERT_EQ(follow(), Fault::kNone);  // 42 of 42
  segment_.new_family(counter("b_total"));
  segment_.new_series(2);
  segment_.last_record<SeriesRecord>().first_cell = kFirstFreeCell;
  EXPECT_EQ(follow(), Fault::kTooMany);
}

// --- limits ---

TEST_F(SeriesRulesTest, RefusesMoreFamiliesThanTheLimit) {
  limits_.families = 1;
  segment_.new_family(counter("a_total"));
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.new_family(counter("b_total"));
  EXPECT_EQ(follow(), Fault::kTooMany);
}

TEST_F(SeriesRulesTest, RefusesMoreSeriesThanTheLimit) {
  limits_.series = 1;
  const std::uint32_t family = segment_.new_family(counter("a_total", {"code"}));
  segment_.new_series(family, {"200"});
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.new_series(family, {"500"});
  EXPECT_EQ(follow(), Fault::kTooMany);
}

TEST_F(SeriesRulesTest, RefusesMoreTextThanTheLimitHoweverOftenAStringIsShared) {
  FamilySpec spec = counter("a_total");
  spec.help.assign(100, 'h');
  limits_.text_bytes = 150;
  segment_.new_family(spec);
  ASSERT_EQ(outcome(), Fault::kNone);
  const std::uint32_t help = segment_.last_record<FamilyRecord>().help;
  family_record(counter("b_total")).help = help;
  EXPECT_EQ(follow(), Fault::kTooMany);
}

// --- follow() ---

TEST_F(SeriesRulesTest, HandsOutEachRecordOnce) {
  segment_.new_family(counter("a_total"));
  ASSERT_EQ(outcome(), Fault::kNone);
  ASSERT_EQ(follow(), Fault::kNone);
  segment_.new_series(0);
  ASSERT_EQ(follow(), Fault::kNone);
  EXPECT_EQ(sink_.families.size(), 1U);
  EXPECT_EQ(sink_.series.size(), 1U);
  EXPECT_EQ(reader_.family_count(), 1U);
  EXPECT_EQ(reader_.series_count(), 1U);
}

TEST_F(SeriesRulesTest, DoesNotReadWhatIsNotPublished) {
  segment_.new_family(counter("a_total"));
  const std::uint64_t published = segment_.header().catalogue_used;
  segment_.new_family(counter("b_total"));
  segment_.header().catalogue_used = published;
  ASSERT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.families.size(), 1U);
}

TEST_F(SeriesRulesTest, RefusesALogThatGoesBackwards) {
  segment_.new_family(counter("a_total"));
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.header().catalogue_used -= 8;
  EXPECT_EQ(follow(), Fault::kBadGeometry);
}

TEST_F(SeriesRulesTest, RefusesALogLongerThanItsCapacity) {
  segment_.header().catalogue_used = segment_.header().catalogue_capacity + 8;
  EXPECT_EQ(outcome(), Fault::kBadGeometry);
}

TEST_F(SeriesRulesTest, StaysAtItsFault) {
  FamilyRecord& record = family_record(counter("a_total"));
  record.family = 1;
  ASSERT_EQ(outcome(), Fault::kBadRecord);
  record.family = 0;
  EXPECT_EQ(follow(), Fault::kBadRecord);
  EXPECT_TRUE(sink_.families.empty());
}

}  // namespace
}  // namespace notch::shm
