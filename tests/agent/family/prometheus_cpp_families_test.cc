// Families of prometheus-cpp as pages: what converts, and what is dropped by which rule.
#include "agent/family/prometheus_cpp_families.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <limits>
#include <string>

#include "agent/expose/exposition_text.h"

namespace notch::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string page(const Converted& converted) {
  return std::string(write_text(converted.snapshot).body.bytes());
}

std::uint64_t dropped(const Converted& converted, ConversionDrop reason) {
  return converted.dropped[static_cast<std::size_t>(reason)];
}

ClientMetric labelled(std::vector<ClientMetric::Label> labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  return metric;
}

ClientMetric histogram(const std::string& label, std::vector<ClientMetric::Bucket> buckets,
                       std::uint64_t count) {
  ClientMetric metric = labelled({{"a", label}});
  metric.histogram.bucket = std::move(buckets);
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = 1.5;
  return metric;
}

TEST(PrometheusCppFamilies, ARegistryBecomesAPageInOrder) {
  prometheus::Registry registry;
  auto& counters = prometheus::BuildCounter().Name("b_total").Help("B.").Register(registry);
  counters.Add({{"z", "2"}, {"a", "x\"y"}}).Increment(3);
  counters.Add({{"a", "a"}}).Increment(0.5);
  prometheus::BuildGauge().Name("a").Help("A\nA").Register(registry).Add({}).Set(-2);
  prometheus::BuildHistogram()
      .Name("h")
      .Register(registry)
      .Add({}, prometheus::Histogram::BucketBoundaries{1, 2})
      .Observe(1.5);
  const Converted converted = convert_families(registry.Collect());
  EXPECT_EQ(page(converted),
            "# HELP a A\\nA\n# TYPE a gauge\na -2\n"
            "# HELP b_total B.\n# TYPE b_total counter\n"
            "b_total{a=\"a\"} 0.5\nb_total{a=\"x\\\"y\",z=\"2\"} 3\n"
            "# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"2\"} 1\n"
            "h_bucket{le=\"+Inf\"} 1\nh_sum 1.5\nh_count 1\n");
}

TEST(PrometheusCppFamilies, FamiliesThePageCannotCarryAreDropped) {
  const Converted converted =
      convert_families({{"9x", "", prometheus::MetricType::Gauge, {ClientMetric()}},
                        {"s", "", prometheus::MetricType::Summary, {ClientMetric()}}});
  EXPECT_TRUE(converted.snapshot.families.empty());
  EXPECT_EQ(dropped(converted, ConversionDrop::kFamilyName), 1U);
  EXPECT_EQ(dropped(converted, ConversionDrop::kSummary), 1U);
}

TEST(PrometheusCppFamilies, RowsWithLabelsThatMayNotStandAreDropped) {
  const Converted converted = convert_families(
      {{"x",
        "",
        prometheus::MetricType::Untyped,
        {labelled({{"a-b", "1"}}), labelled({{"a", "1"}, {"a", "2"}}), labelled({{"a", "1"}})}},
       {"h", "", prometheus::MetricType::Histogram, {labelled({{"le", "1"}})}}});
  EXPECT_EQ(page(converted), "# TYPE x untyped\nx{a=\"1\"} 0\n");
  EXPECT_EQ(dropped(converted, ConversionDrop::kLabelName), 3U);
}

TEST(PrometheusCppFamilies, ASecondRowOfTheSameLabelsIsDropped) {
  const Converted converted = convert_families(
      {{"x",
        "",
        prometheus::MetricType::Gauge,
        {labelled({{"a", "1"}, {"b", "2"}}), labelled({{"b", "2"}, {"a", "1"}})}}});
  EXPECT_EQ(page(converted), "# TYPE x gauge\nx{a=\"1\",b=\"2\"} 0\n");
  EXPECT_EQ(dropped(converted, ConversionDrop::kDuplicateRow), 1U);
}

TEST(PrometheusCppFamilies, TheFirstHistogramWithAscendingBoundsSetsThemForAll) {
  const Converted converted =
      convert_families({{"h",
                         "",
                         prometheus::MetricType::Histogram,
                         {histogram("1", {{1, 2}, {2, 1}}, 2),
                          histogram("2", {{1, 3}, {3, kInf}}, 3), histogram("3", {{1, 4}}, 2)}}});
  EXPECT_EQ(page(converted),
            "# TYPE h histogram\nh_bucket{a=\"2\",le=\"3\"} 1\nh_bucket{a=\"2\",le=\"+Inf\"} 3\n"
            "h_sum{a=\"2\"} 1.5\nh_count{a=\"2\"} 3\n");
  EXPECT_EQ(dropped(converted, ConversionDrop::kOtherBounds), 2U);
}

TEST(PrometheusCppFamilies, BucketsThatFallNeverCountBelowZero) {
  const Converted converted = convert_families(
      {{"h", "", prometheus::MetricType::Histogram, {histogram("1", {{5, 1}, {3, 2}}, 4)}}});
  EXPECT_NE(page(converted).find("le=\"2\"} 5\n"), std::string::npos);
  EXPECT_NE(page(converted).find("h_count{a=\"1\"} 5\n"), std::string::npos);
}

}  // namespace
}  // namespace notch::agent
