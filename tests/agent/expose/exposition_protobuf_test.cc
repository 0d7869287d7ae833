// The protobuf's framing and its native histograms. Field by field it is judged from outside, by
// exposition_judges.py.
#include "agent/expose/exposition_protobuf.h"

#include <gtest/gtest.h>

#include <map>
#include <protozero/pbf_reader.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "agent/expose/native_spans.h"
#include "agent/family/count_limits.h"
#include "tests/agent/expose/snapshot_builder.h"

namespace notch::agent {
namespace {

using Buckets = std::vector<std::pair<std::int32_t, std::uint64_t>>;
using protozero::pbf_reader;

// The families' messages, by following the lengths to the last byte.
std::vector<std::string> unframed(std::string_view bytes) {
  std::vector<std::string> families;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end) {
    const std::uint64_t length = protozero::decode_varint(&at, end);
    if (length > static_cast<std::uint64_t>(end - at)) {
      ADD_FAILURE() << "a length past the end";
      break;
    }
    families.emplace_back(at, length);
    at += length;
  }
  return families;
}

// Spans and deltas laid out bucket by bucket, without the empty ones.
Buckets expanded(const NativeSpans& encoded) {
  Buckets buckets;
  std::int32_t index = 0;
  std::int64_t population = 0;
  std::size_t delta = 0;
  for (const NativeSpan& span : encoded.spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length; ++i, ++index) {
      population += encoded.deltas.at(delta++);
      EXPECT_GE(population, 0);
      if (population > 0) buckets.emplace_back(index, population);
    }
  }
  EXPECT_EQ(delta, encoded.deltas.size());
  return buckets;
}

// A histogram message's count, zero count and both sides.
struct NativeRead {
  std::uint64_t count = 0;
  std::uint64_t zero_count = 0;
  double threshold = 0;
  NativeSpans positive;
  NativeSpans negative;
};

void read_span(pbf_reader span, NativeSpans& side) {
  NativeSpan read;
  while (span.next()) {
    if (span.tag() == 1) {
      read.offset = span.get_sint32();
    } else {
      read.length = span.get_uint32();
    }
  }
  side.spans.push_back(read);
}

void read_deltas(pbf_reader& histogram, NativeSpans& side) {
  for (const std::int64_t delta : histogram.get_packed_sint64()) side.deltas.push_back(delta);
}

NativeRead read_native(pbf_reader histogram) {
  NativeRead read;
  while (histogram.next()) {
    switch (histogram.tag()) {
      case 1:
        read.count = histogram.get_uint64();
        break;
      case 6:
        read.threshold = histogram.get_double();
        break;
      case 7:
        read.zero_count = histogram.get_uint64();
        break;
      case 9:
        read_span(histogram.get_message(), read.negative);
        break;
      case 10:
        read_deltas(histogram, read.negative);
        break;
      case 12:
        read_span(histogram.get_message(), read.positive);
        break;
      case 13:
        read_deltas(histogram, read.positive);
        break;
      default:
        histogram.skip();
    }
  }
  return read;
}

std::vector<NativeRead> read_histograms(const std::string& family) {
  std::vector<NativeRead> histograms;
  pbf_reader reader(family);
  while (reader.next(4)) {
    pbf_reader metric = reader.get_message();
    while (metric.next(7)) histograms.push_back(read_native(metric.get_message()));
  }
  return histograms;
}

Buckets random_side(std::mt19937_64& random) {
  Buckets buckets;
  std::int32_t index = static_cast<std::int32_t>(random() % 1000) - 500;
  for (auto left = random() % 40; left > 0; --left) {
    buckets.emplace_back(index, 1 + (random() >> (random() % 60 + 3)));
    index += 1 + static_cast<std::int32_t>(random() % 3 == 0 ? random() % 8 : 0);
  }
  return buckets;
}

TEST(NativeSpans, ExpandToTheBucketsTheyWereMadeOf) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 5000; ++round) {
    const Buckets buckets = random_side(random);
    NativeSpans encoded;
    encode_spans(buckets, encoded);
    ASSERT_EQ(expanded(encoded), buckets) << "round " << round;
    for (std::size_t i = 1; i < encoded.spans.size(); ++i) ASSERT_GT(encoded.spans[i].offset, 2);
  }
}

TEST(NativeSpans, BridgeGapsOfTwoAndNoMore) {
  NativeSpans encoded;
  encode_spans(Buckets{{-2, 5}, {1, 3}, {5, 1}}, encoded);
  ASSERT_EQ(encoded.spans.size(), 2U);
  EXPECT_EQ(encoded.spans[0].offset, -2);
  EXPECT_EQ(encoded.spans[0].length, 4U);
  EXPECT_EQ(encoded.spans[1].offset, 3);
  EXPECT_EQ(encoded.deltas, (std::vector<std::int64_t>{5, -5, 0, 3, -2}));
}

TEST(ExpositionProtobuf, NothingIsNoBytes) {
  EXPECT_TRUE(write_protobuf(SnapshotBuilder().snapshot()).body.empty());
}

TEST(ExpositionProtobuf, LengthsFrameEveryFamilyHoweverLong) {
  SnapshotBuilder build;
  build.family(MetricType::kCounter, "a_total");
  for (int i = 0; i < 50'000; ++i) build.row("i=\"" + std::to_string(i) + "\"", {1});
  build.family(MetricType::kGauge, "absent");
  build.unset("");
  build.family(MetricType::kGauge, "b");
  build.set("", 1);
  const Page page = write_protobuf(build.snapshot());
  const std::vector<std::string> families = unframed(page.body.bytes());
  ASSERT_EQ(families.size(), 2U);
  EXPECT_EQ(page.counts.rows, 50'001U);
  std::size_t metrics = 0;
  pbf_reader reader(families[0]);
  for (; reader.next(4); reader.skip()) ++metrics;
  EXPECT_EQ(metrics, 50'000U);
}

TEST(ExpositionProtobuf, NativeHistogramsSayWhatWasCountedAndNoMore) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 300; ++round) {
    SnapshotBuilder build;
    build.family(MetricType::kNativeHistogram, "n").schema = 3;
    NativeValue value;
    value.positive = random_side(random);
    value.negative = random_side(random);
    for (auto* side : {&value.positive, &value.negative}) {
      for (auto& [index, population] : *side) population = 1 + (population >> 8U);
    }
    value.zero_count = random() % 5;
    build.native("", value);
    const auto families = unframed(write_protobuf(build.snapshot()).body.bytes());
    ASSERT_EQ(families.size(), 1U);
    const auto histograms = read_histograms(families[0]);
    ASSERT_EQ(histograms.size(), 1U);
    const NativeRead& read = histograms[0];
    ASSERT_EQ(expanded(read.positive), value.positive);
    ASSERT_EQ(expanded(read.negative), value.negative);
    ASSERT_EQ(read.zero_count, value.zero_count);
    std::uint64_t count = read.zero_count;
    for (const auto& [index, population] : value.positive) count += population;
    for (const auto& [index, population] : value.negative) count += population;
    ASSERT_EQ(read.count, count);
  }
}

TEST(ExpositionProtobuf, ARowThatNoPageCanSayIsLeftOutAndCounted) {
  SnapshotBuilder build;
  build.family(MetricType::kNativeHistogram, "n");
  NativeValue value;
  value.positive = {{1, kMostBucketSum}, {2, kMostBucketSum - 1}};
  build.native("a=\"1\"", value);
  value.zero_count = 1;
  build.native("a=\"2\"", value);
  const Page page = write_protobuf(build.snapshot());
  const auto families = unframed(page.body.bytes());
  ASSERT_EQ(families.size(), 1U);
  const auto histograms = read_histograms(families[0]);
  ASSERT_EQ(histograms.size(), 1U);
  EXPECT_EQ(histograms[0].count, kMostRowCount);
  EXPECT_EQ(page.counts.dropped_rows, 1U);
}

TEST(ExpositionProtobuf, AnEmptyNativeHistogramIsKnownByItsThreshold) {
  SnapshotBuilder build;
  build.family(MetricType::kNativeHistogram, "n");
  build.native("", {});
  const auto families = unframed(write_protobuf(build.snapshot()).body.bytes());
  ASSERT_EQ(families.size(), 1U);
  EXPECT_EQ(read_histograms(families[0]).at(0).threshold, 0x1p-128);
}

TEST(ExpositionProtobuf, ARowWhoseLabelsCannotBeReadIsDroppedAndCounted) {
  SnapshotBuilder build;
  build.family(MetricType::kCounter, "a_total");
  build.row("broken=\"", {1});
  build.row("ok=\"1\"", {1});
  const Page page = write_protobuf(build.snapshot());
  EXPECT_EQ(page.counts.rows, 1U);
  EXPECT_EQ(page.counts.dropped_rows, 1U);
}

}  // namespace
}  // namespace notch::agent
