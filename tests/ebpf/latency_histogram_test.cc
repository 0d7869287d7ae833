// The bucket of a time, as the kernel's programs compute it, against the definition.
#include "ebpf/latency_histogram.bpf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>

#include "ebpf/counter_rows.h"

namespace notch::ebpf {
namespace {

// Prometheus's bucket of schema 2, from the bottom of ours: i of (2^((i-1)/4), 2^(i/4)] seconds.
int defined_bucket(std::uint64_t ns) {
  const double quarters = 4 * std::log2(static_cast<double>(ns) / 1e9);
  const double bucket = std::ceil(quarters) - 4 * NOTCH_TIME_FLOOR_LOG2;
  return static_cast<int>(std::fmin(std::fmax(bucket, 0), NOTCH_TIME_BUCKETS - 1));
}

TEST(LatencyHistogram, PutsEveryTimeWhereTheDefinitionDoes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2'000'000; ++i) {
    const std::uint64_t ns = random() >> (random() % 63);
    if (ns == 0) continue;
    const double edge = 4 * std::log2(static_cast<double>(ns) / 1e9);
    // Within a part in 10^8 of a bound the unit of 2^-32 s decides.
    if (std::fabs(edge - std::round(edge)) < 1e-8 + 5.0 / static_cast<double>(ns)) continue;
    ASSERT_EQ(static_cast<int>(notch_time_bucket(ns)), defined_bucket(ns)) << ns;
  }
}

TEST(LatencyHistogram, UpperBoundsAreInclusive) {
  // 2^-9 s is a whole number of ns: 1953125.
  const int bound = 4 * (-9 - NOTCH_TIME_FLOOR_LOG2);
  EXPECT_EQ(static_cast<int>(notch_time_bucket(1'953'125)), bound);
  EXPECT_EQ(static_cast<int>(notch_time_bucket(1'953'126)), bound + 1);
  EXPECT_EQ(static_cast<int>(notch_time_bucket(1'000'000'000)), 4 * -NOTCH_TIME_FLOOR_LOG2);
  EXPECT_EQ(static_cast<int>(notch_time_bucket(1'000'000'001)), 4 * -NOTCH_TIME_FLOOR_LOG2 + 1);
  EXPECT_EQ(static_cast<int>(notch_time_bucket(32'000'000'000)), 4 * (5 - NOTCH_TIME_FLOOR_LOG2));
  EXPECT_EQ(static_cast<int>(notch_time_bucket(32'000'000'001)),
            4 * (5 - NOTCH_TIME_FLOOR_LOG2) + 1);
}

TEST(LatencyHistogram, IsBoundedAtBothEnds) {
  EXPECT_EQ(notch_time_bucket(0), 0U);
  EXPECT_EQ(notch_time_bucket(238), 0U);
  EXPECT_EQ(notch_time_bucket(239), 1U);
  for (const std::uint64_t ns : {64'000'000'000ULL, 68'719'476'736ULL, ~0ULL / 2, ~0ULL}) {
    EXPECT_EQ(static_cast<int>(notch_time_bucket(ns)), NOTCH_TIME_BUCKETS - 1) << ns;
  }
}

TEST(LatencyHistogram, IsReadAsNativeBuckets) {
  latency_histogram row{};
  notch_count_time(&row, 100);
  notch_count_time(&row, 1'000'000'000);
  notch_count_time(&row, 1'000'000'000);
  notch_count_time(&row, 1'100'000'000);
  const TimeHistogram histogram = time_histogram(row);
  EXPECT_EQ(histogram.zero_count, 1U);
  EXPECT_DOUBLE_EQ(histogram.sum_s, 3.1000001);
  EXPECT_THAT(histogram.buckets, testing::ElementsAre(std::pair(0, 2U), std::pair(1, 1U)));
}

TEST(CounterRows, AreAddedUpByServiceOverTheProcessors) {
  struct Row {
    __u64 one;
    __u64 two;
  };
  std::vector<Row> rows(3 * NOTCH_SERVICE_SLOTS);
  for (std::size_t cpu = 0; cpu < 3; ++cpu) rows[cpu * NOTCH_SERVICE_SLOTS + 5] = {cpu + 1, 10};
  const Row sum = sum_of_service(std::span<const Row>(rows), 5);
  EXPECT_EQ(sum.one, 6U);
  EXPECT_EQ(sum.two, 30U);
  EXPECT_EQ(sum_of_service(std::span<const Row>(rows), 4).two, 0U);
}

}  // namespace
}  // namespace notch::ebpf
