// One test per rule of catalogue_follower.h, FR1 to FR6: records, strings, families.
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

TEST_F(CatalogueFollowerTest, HandsOutACounterWithItsLabels) {
  FamilySpec spec = counter("requests_total", {"method", "code"});
  spec.unit = "requests";
  segment_.new_series(segment_.new_family(spec), {"GET", "200"});
  ASSERT_EQ(outcome(), Fault::kNone);
  ASSERT_EQ(sink_.families.size(), 1U);
  EXPECT_EQ(sink_.families[0].name, "requests_total");
  EXPECT_EQ(sink_.families[0].help, "Requests served.");
  EXPECT_EQ(sink_.families[0].unit, "requests");
  EXPECT_EQ(sink_.families[0].label_names, (std::vector<std::string>{"method", "code"}));
  ASSERT_EQ(sink_.series.size(), 1U);
  EXPECT_EQ(sink_.series[0].label_values, (std::vector<std::string>{"GET", "200"}));
  EXPECT_EQ(sink_.series[0].first_cell, kFirstFreeCell);
  EXPECT_EQ(sink_.series[0].cell_count, 1U);
}

TEST_F(CatalogueFollowerTest, HandsOutAHistogramWithItsBounds) {
  segment_.new_series(segment_.new_family(histogram("latency_seconds", {0.1, 0.5, 2})));
  ASSERT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.families[0].bounds, (std::vector<double>{0.1, 0.5, 2}));
  EXPECT_EQ(sink_.series[0].cell_count, 5U);
}

TEST_F(CatalogueFollowerTest, HandsOutANativeHistogramWithItsChunks) {
  FamilySpec spec = native_histogram("latency_seconds", 3);
  spec.zero_threshold = 1e-9;
  const std::uint32_t series = segment_.new_series(segment_.new_family(spec));
  const std::uint32_t first_cell = segment_.new_chunk(series, -7, true);
  ASSERT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.families[0].schema, 3);
  EXPECT_EQ(sink_.families[0].zero_threshold, 1e-9);
  ASSERT_EQ(sink_.chunks.size(), 1U);
  EXPECT_EQ(sink_.chunks[0].series, series);
  EXPECT_EQ(sink_.chunks[0].chunk, -7);
  EXPECT_TRUE(sink_.chunks[0].negative);
  EXPECT_EQ(sink_.chunks[0].first_cell, first_cell);
}

TEST_F(CatalogueFollowerTest, HandsOutEveryGaugeMode) {
  for (const GaugeMode mode :
       {GaugeMode::kSum, GaugeMode::kMin, GaugeMode::kMax, GaugeMode::kLast, GaugeMode::kEach}) {
    segment_.new_series(segment_.new_family(gauge("depth", mode)));
  }
  ASSERT_EQ(outcome(), Fault::kNone);
  ASSERT_EQ(sink_.series.size(), 5U);
  EXPECT_EQ(sink_.series[3].cell_count, 2U);
  EXPECT_EQ(sink_.families[4].gauge_mode, GaugeMode::kEach);
}

// --- FR1 ---

TEST_F(CatalogueFollowerTest, RefusesARecordShorterThanItsHeader) {
  family_record(counter("a_total")).header.bytes = 0;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesARecordThatIsNoMultipleOfEight) {
  segment_.new_string("0123456789");
  segment_.last_record<StringRecord>().header.bytes -= 4;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesARecordPastThePublishedBytes) {
  family_record(counter("a_total")).header.bytes += 8;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesARecordWhoseLengthWouldWrap) {
  family_record(counter("a_total")).header.bytes = 0xFFFFFFF8;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAPublishedLengthThatCutsARecordHeader) {
  segment_.header().catalogue_used += 4;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, PassesOverKindsItDoesNotKnow) {
  const std::array<std::byte, 40> body{};
  segment_.new_record(77, body);
  segment_.new_family(counter("a_total"));
  EXPECT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.families.size(), 1U);
}

// --- FR2 ---

TEST_F(CatalogueFollowerTest, RefusesAStringTooShortForItsFixedPart) {
  segment_.new_record(static_cast<std::uint16_t>(RecordKind::kString), {});
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringLongerThanItsRecord) {
  segment_.new_string("12345678");
  segment_.last_record<StringRecord>().length = 9;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAFamilyTooShortForItsFixedPart) {
  const std::array<std::byte, 8> body{};
  segment_.new_record(static_cast<std::uint16_t>(RecordKind::kFamily), body);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAFamilyTooShortForItsLabels) {
  family_record(counter("a_total")).label_count = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesASeriesTooShortForItsFixedPart) {
  const std::array<std::byte, 16> body{};
  segment_.new_record(static_cast<std::uint16_t>(RecordKind::kSeries), body);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAChunkTooShortForItsFixedPart) {
  const std::array<std::byte, 8> body{};
  segment_.new_record(static_cast<std::uint16_t>(RecordKind::kChunk), body);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, AcceptsARecordLongerThanItsKindDemands) {
  const std::uint32_t name = segment_.new_string("a_total");
  std::array<std::byte, sizeof(FamilyRecord) + 24> body{};
  segment_.new_record(static_cast<std::uint16_t>(RecordKind::kFamily), body);
  FamilyRecord& record = segment_.last_record<FamilyRecord>();
  record.type = static_cast<std::uint8_t>(FamilyType::kCounter);
  record.number = static_cast<std::uint8_t>(NumberKind::kFloat);
  record.name = name;
  EXPECT_EQ(outcome(), Fault::kNone);
}

// --- FR3 ---

TEST_F(CatalogueFollowerTest, RefusesAFamilyWithoutAName) {
  family_record(counter("a_total")).name = 0;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringThatLiesBehindTheRecordNamingIt) {
  FamilyRecord& record = family_record(counter("a_total"));
  record.help = next_offset();
  segment_.new_string("too late");
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringPastTheCatalogue) {
  family_record(counter("a_total")).help = 0xFFFFFFF8;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringThatDoesNotStartARecord) {
  const std::uint32_t text = segment_.new_string(std::string(64, '\1'));
  family_record(counter("a_total")).help = text + 8;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringAtAnOddOffset) {
  family_record(counter("a_total")).help += 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesBoundsInAStringsPlace) {
  const std::uint32_t bounds = segment_.new_bounds({1, 2});
  family_record(counter("a_total")).help = bounds;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringInTheBoundsPlace) {
  const std::uint32_t text = segment_.new_string("no bounds");
  family_record(histogram("sizes", {1})).bounds = text;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesALabelWithoutAName) {
  segment_.new_family(counter("a_total", {"code"}));
  const std::uint32_t none = 0;
  FamilyRecord* record = &segment_.last_record<FamilyRecord>();
  std::memcpy(record + 1, &none, sizeof(none));
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, TakesALabelValueOfNoneForEmpty) {
  SeriesRecord* record = &series_record(counter("a_total", {"code"}), {"200"});
  const std::uint32_t none = 0;
  std::memcpy(record + 1, &none, sizeof(none));
  ASSERT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.series[0].label_values, (std::vector<std::string>{""}));
}

TEST_F(CatalogueFollowerTest, RefusesAStringThatGrewAfterItWasPassed) {
  const std::uint32_t text = segment_.new_string("short");
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.patch_u32(segment_.catalogue_offset() + text + offsetof(StringRecord, length), 4000);
  family_record(counter("a_total")).help = text;
  EXPECT_EQ(follow(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAStringRecordThatGrewPastTheOneNamingIt) {
  const std::uint32_t text = segment_.new_string("short");
  ASSERT_EQ(outcome(), Fault::kNone);
  segment_.patch_u32(segment_.catalogue_offset() + text, 8192);
  family_record(counter("a_total")).help = text;
  EXPECT_EQ(follow(), Fault::kBadRecord);
}

// --- FR4 ---

TEST_F(CatalogueFollowerTest, AcceptsTheLongestHelpAndRefusesOneByteMore) {
  FamilySpec spec = counter("a_total");
  spec.help.assign(kMaxHelpBytes, 'h');
  segment_.new_family(spec);
  ASSERT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.families[0].help, spec.help);
  segment_.new_string(std::string(kMaxHelpBytes + 1, 'h'));
  EXPECT_EQ(follow(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesANameThatIsTooLong) {
  segment_.new_family(counter(std::string(kMaxNameBytes + 1, 'n')));
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAUnitThatIsTooLong) {
  FamilySpec spec = counter("a_total");
  spec.unit.assign(kMaxNameBytes + 1, 'u');
  segment_.new_family(spec);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesALabelNameThatIsTooLong) {
  segment_.new_family(counter("a_total", {std::string(kMaxNameBytes + 1, 'l')}));
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesALabelValueThatIsTooLong) {
  series_record(counter("a_total", {"code"}), {std::string(kMaxLabelValueBytes + 1, 'v')});
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

// --- FR5 ---

class BoundsTest : public CatalogueFollowerTest,
                   public ::testing::WithParamInterface<std::vector<double>> {};

TEST_P(BoundsTest, RefusesBoundsThatAreNotFiniteAndIncreasing) {
  segment_.new_bounds(GetParam());
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

INSTANTIATE_TEST_SUITE_P(Each, BoundsTest,
                         ::testing::Values(std::vector<double>{1, 1}, std::vector<double>{2, 1},
                                           std::vector<double>{1, INFINITY},
                                           std::vector<double>{-INFINITY, 1},
                                           std::vector<double>{NAN}));

TEST_F(CatalogueFollowerTest, RefusesMoreBoundsThanTheLimit) {
  std::vector<double> bounds(kMaxBounds + 1);
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(i);
  segment_.new_bounds(bounds);
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesMoreBoundsThanTheRecordHolds) {
  segment_.new_bounds({1, 2, 3});
  segment_.last_record<BoundsRecord>().count = 4;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, AcceptsAHistogramOfOneBucket) {
  segment_.new_series(segment_.new_family(histogram("sizes", {})));
  EXPECT_EQ(outcome(), Fault::kNone);
  EXPECT_EQ(sink_.series[0].cell_count, 2U);
}

// --- FR6 ---

TEST_F(CatalogueFollowerTest, RefusesAFamilyOutOfOrder) {
  family_record(counter("a_total")).family = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesTooManyLabels) {
  family_record(counter("a_total")).label_count = kMaxLabels + 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

// Every combination of the three bytes, valid or not, against the table of FR6 written out again.
TEST_F(CatalogueFollowerTest, JudgesTypeNumberAndModeTogether) {
  const auto valid = [](int type, int number, int mode) {
    if (type == 1) return mode == 0 && (number == 1 || number == 2);
    if (type == 2) return mode == 0 && number == 3;
    if (type == 3) return mode >= 1 && mode <= 5 && number == 2;
    return (type == 4 || type == 5) && mode == 0 && number == 1;
  };
  for (int type = 0; type < 8; ++type) {
    for (int number = 0; number < 6; ++number) {
      for (int mode = 0; mode < 8; ++mode) {
        testing::SegmentBuilder segment;
        segment.new_family(counter("a"));
        FamilyRecord& record = segment.last_record<FamilyRecord>();
        record.type = static_cast<std::uint8_t>(type);
        record.number = static_cast<std::uint8_t>(number);
        record.gauge_mode = static_cast<std::uint8_t>(mode);
        SegmentReader reader;
        testing::CollectingSink sink;
        ASSERT_EQ(reader.attach(segment.bytes(), {}), Fault::kNone);
        EXPECT_EQ(reader.follow(sink) == Fault::kNone, valid(type, number, mode))
            << "type " << type << ", number " << number << ", mode " << mode;
      }
    }
  }
}

TEST_F(CatalogueFollowerTest, RefusesBoundsOfANativeHistogram) {
  const std::uint32_t bounds = segment_.new_bounds({1});
  family_record(native_histogram("sizes", 0)).bounds = bounds;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, AcceptsTheSchemasOfPrometheus) {
  for (int schema = -4; schema <= 8; ++schema) {
    segment_.new_family(native_histogram("sizes", static_cast<std::int8_t>(schema)));
  }
  EXPECT_EQ(outcome(), Fault::kNone);
}

TEST_F(CatalogueFollowerTest, RefusesASchemaBelowMinusFour) {
  segment_.new_family(native_histogram("sizes", -5));
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesASchemaAboveEight) {
  segment_.new_family(native_histogram("sizes", 9));
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesASchemaOfACounter) {
  family_record(counter("a_total")).schema = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

TEST_F(CatalogueFollowerTest, RefusesAZeroThresholdOfACounter) {
  family_record(counter("a_total")).zero_threshold = 1;
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

class ZeroThresholdTest : public CatalogueFollowerTest,
                          public ::testing::WithParamInterface<double> {};

TEST_P(ZeroThresholdTest, RefusesWhatIsNoFiniteWidth) {
  family_record(native_histogram("sizes", 3)).zero_threshold = GetParam();
  EXPECT_EQ(outcome(), Fault::kBadRecord);
}

INSTANTIATE_TEST_SUITE_P(Each, ZeroThresholdTest, ::testing::Values(-1.0, NAN, INFINITY));

}  // namespace
}  // namespace notch::shm
