// The classic form of native histograms, against a count of every bucket one by one.
#include "agent/family/classic_buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "agent/family/count_limits.h"

namespace notch::agent {
namespace {

using ::testing::ElementsAre;

constexpr std::int32_t kHuge = std::numeric_limits<std::int32_t>::max();

Family native_family(std::int8_t schema, double threshold = 0) {
  Family family;
  family.type = MetricType::kNativeHistogram;
  family.schema = schema;
  family.zero_threshold = threshold;
  return family;
}

ClassicBuckets derived(const Family& family, const NativeValue& value) {
  ClassicBuckets buckets;
  derive_classic(family, value, buckets);
  return buckets;
}

// The upper edge of bucket `index`, as the definition has it.
double edge(int index, int schema) {
  return std::exp2(index * std::exp2(-schema));
}

TEST(ClassicBuckets, ReadsCountsUpToCumulativeOnes) {
  Family family;
  family.bounds = {1, 2};
  const std::uint64_t slots[] = {3, 0, 4, std::bit_cast<std::uint64_t>(9.5)};
  ClassicBuckets buckets;
  read_classic(family, slots, buckets);
  EXPECT_THAT(buckets.cumulative, ElementsAre(3, 3, 7));
  EXPECT_EQ(buckets.count(), 7U);
  EXPECT_EQ(buckets.sum, 9.5);
}

TEST(ClassicBuckets, AreNoneWhereTheyWouldWrap) {
  Family family;
  family.bounds = {1, 2};
  ClassicBuckets buckets;
  const std::uint64_t most[] = {kMostRowCount - 5, 2, 3, 0};
  EXPECT_TRUE(read_classic(family, most, buckets));
  EXPECT_EQ(buckets.count(), kMostRowCount);
  const std::uint64_t wrapping[] = {kMostCount, 2, 3, 0};
  EXPECT_FALSE(read_classic(family, wrapping, buckets));
  NativeValue value;
  value.zero_count = 4;
  value.positive = {{0, kMostCount - 2}};
  value.negative = {{0, 3}};
  EXPECT_FALSE(derive_classic(native_family(0), value, buckets));
}

TEST(ClassicBuckets, OfNothingAreOneInfBucket) {
  const ClassicBuckets buckets = derived(native_family(3), {});
  EXPECT_THAT(buckets.bounds, ElementsAre());
  EXPECT_THAT(buckets.cumulative, ElementsAre(0));
}

TEST(ClassicBuckets, ZeroBucketStandsAtItsThreshold) {
  NativeValue value;
  value.zero_count = 5;
  const ClassicBuckets buckets = derived(native_family(3, 0x1p-20), value);
  EXPECT_THAT(buckets.bounds, ElementsAre(0x1p-20));
  EXPECT_THAT(buckets.cumulative, ElementsAre(5, 5));
}

TEST(ClassicBuckets, AThresholdAboveTheLowestBoundIsNoBound) {
  NativeValue value;
  value.zero_count = 5;
  value.positive = {{1, 2}};
  const ClassicBuckets buckets = derived(native_family(0, 8), value);
  EXPECT_THAT(buckets.bounds, ElementsAre(1, 2));
  EXPECT_THAT(buckets.cumulative, ElementsAre(0, 2, 7)) << "what is near 8 is not below 1";
}

TEST(ClassicBuckets, TheZeroBucketCountsFromTheFirstBoundAboveItsThreshold) {
  NativeValue value;
  value.zero_count = 5;
  value.positive = {{0, 1}, {2, 3}};  // (0.5, 1], (2, 4]
  const ClassicBuckets buckets = derived(native_family(0, 0.75), value);
  EXPECT_THAT(buckets.bounds, ElementsAre(0.5, 1, 2, 4));
  EXPECT_THAT(buckets.cumulative, ElementsAre(0, 6, 6, 9, 9));
}

TEST(ClassicBuckets, NegativeSideIsMirrored) {
  NativeValue value;
  value.negative = {{1, 2}, {3, 1}};  // [-2, -1), [-8, -4)
  value.zero_count = 1;
  value.positive = {{0, 4}};  // (0.5, 1]
  const ClassicBuckets buckets = derived(native_family(0), value);
  EXPECT_THAT(buckets.bounds, ElementsAre(-8, -4, -2, -1, kDefaultZeroThreshold, 0.5, 1));
  EXPECT_THAT(buckets.cumulative, ElementsAre(0, 1, 1, 3, 4, 4, 8, 8));
}

TEST(ClassicBuckets, SchemasBelowZeroKeepTheirOwnEdges) {
  NativeValue value;
  value.positive = {{0, 1}, {2, 1}};  // (1/16, 1], (16, 256]
  const ClassicBuckets buckets = derived(native_family(-2), value);
  EXPECT_THAT(buckets.bounds, ElementsAre(0.0625, 1, 16, 256));
  EXPECT_THAT(buckets.cumulative, ElementsAre(0, 1, 1, 2, 2));
}

TEST(ClassicBuckets, ObservationsPastTheLargestDoubleCountInInf) {
  NativeValue value;
  value.positive = {{1023, 1}, {1024, 2}, {1025, 3}};
  const ClassicBuckets buckets = derived(native_family(0), value);
  EXPECT_THAT(buckets.bounds, ElementsAre(0x1p1022, 0x1p1023));
  EXPECT_THAT(buckets.cumulative, ElementsAre(0, 1, 6));
}

TEST(ClassicBuckets, AreLimitedToTheBoundsFarthestFromZero) {
  NativeValue value;
  value.positive = {{-1000, 1}, {0, 1}, {1000, 1}};
  const ClassicBuckets buckets = derived(native_family(0), value);
  ASSERT_EQ(buckets.bounds.size(), kMaxDerivedBounds);
  EXPECT_EQ(buckets.bounds.back(), 0x1p1000);
  EXPECT_EQ(buckets.cumulative.front(), 2U);
  EXPECT_EQ(buckets.count(), 3U);
}

TEST(ClassicBuckets, IndicesNoDoubleHasAreIgnored) {
  NativeValue value;
  value.positive = {{-kHuge, 1}, {5, 2}, {kHuge, 4}};
  value.negative = {{-kHuge, 8}, {kHuge, 16}};
  EXPECT_EQ(native_count(value), 2U);
  EXPECT_EQ(derived(native_family(8), value).count(), 2U);
}

TEST(ClassicBuckets, AgreeWithACountOfEveryBucket) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    const auto schema = static_cast<std::int8_t>(static_cast<int>(random() % 13) - 4);
    const int spread = schema > 0 ? 12 << schema : 12;
    const auto side = [&] {
      NativeBuckets::value_type::first_type index = static_cast<int>(random() % 50) - spread;
      std::vector<std::pair<std::int32_t, std::uint64_t>> buckets;
      for (auto left = random() % 6; left > 0; --left) {
        buckets.emplace_back(index, 1 + random() % 9);
        index += 1 + static_cast<std::int32_t>(random() % 20);
      }
      return buckets;
    };
    NativeValue value;
    value.positive = side();
    value.negative = side();
    value.zero_count = random() % 3;
    const double threshold = std::array{kDefaultZeroThreshold, 0.3, 1.0, 5.0}[random() % 4];
    const ClassicBuckets buckets = derived(native_family(schema, threshold), value);

    ASSERT_TRUE(std::ranges::is_sorted(buckets.bounds, std::less_equal<>()));
    ASSERT_EQ(buckets.cumulative.size(), buckets.bounds.size() + 1);
    ASSERT_EQ(buckets.count(), native_count(value));
    for (std::size_t i = 0; i < buckets.bounds.size(); ++i) {
      const double bound = buckets.bounds[i];
      std::uint64_t below = bound >= threshold ? value.zero_count : 0;
      for (const auto& [at, population] : value.positive) {
        if (edge(at, schema) <= bound * 1.0001) below += population;
      }
      for (const auto& [at, population] : value.negative) {
        if (-edge(at - 1, schema) <= bound + std::abs(bound) * 0.0001) below += population;
      }
      ASSERT_EQ(buckets.cumulative[i], below) << "round " << round << " le " << bound;
    }
  }
}

}  // namespace
}  // namespace notch::agent
