// Each rule of the two text dialects, as the whole page a small snapshot gives.
#include "agent/expose/exposition_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/agent/expose/snapshot_builder.h"

namespace notch::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kInf = std::numeric_limits<double>::infinity();

class ExpositionText : public ::testing::Test {
 protected:
  std::string text() { return std::string(write_text(build.snapshot()).body.bytes()); }
  std::string openmetrics() {
    return std::string(write_openmetrics(build.snapshot()).body.bytes());
  }
  std::uint64_t bits(double value) { return SnapshotBuilder::bits(value); }

  SnapshotBuilder build;
};

TEST_F(ExpositionText, NothingIsAnEmptyPageAndAnEof) {
  EXPECT_EQ(text(), "");
  EXPECT_EQ(openmetrics(), "# EOF\n");
}

TEST_F(ExpositionText, CounterKeepsTotalInTextMetadataAndLosesItInOpenMetrics) {
  build.family(MetricType::kCounter, "spans_total", "Spans.");
  build.row("a=\"x\"", {7});
  build.row("", {18446744073709551615U});
  EXPECT_EQ(text(),
            "# HELP spans_total Spans.\n# TYPE spans_total counter\n"
            "spans_total{a=\"x\"} 7\nspans_total 18446744073709551615\n");
  EXPECT_EQ(openmetrics(),
            "# TYPE spans counter\n# HELP spans Spans.\n"
            "spans_total{a=\"x\"} 7\nspans_total 18446744073709551615\n# EOF\n");
}

TEST_F(ExpositionText, CounterWithoutTotalIsUnknownInOpenMetrics) {
  build.family(MetricType::kCounter, "spans");
  build.row("", {7});
  build.exemplar(0, 1);
  EXPECT_EQ(text(), "# TYPE spans counter\nspans 7\n");
  EXPECT_EQ(openmetrics(), "# TYPE spans unknown\nspans 7\n# EOF\n");
}

TEST_F(ExpositionText, AnOverflowRowIsLeftOutWhileItHasCountedNothing) {
  build.family(MetricType::kCounter, "a_total");
  build.row("a=\"x\"", {0});
  build.row("overflow=\"true\"", {0});
  build.mark_overflow();
  build.family(MetricType::kHistogram, "b").bounds = {1};
  build.row("overflow=\"true\"", {0, 0, 0});
  build.mark_overflow();
  build.family(MetricType::kNativeHistogram, "c");
  build.native("overflow=\"true\"", {});
  build.mark_overflow();
  build.family(MetricType::kHistogram, "d").bounds = {1};
  build.row("overflow=\"true\"", {0, 1, bits(2)});
  build.mark_overflow();
  EXPECT_EQ(text(),
            "# TYPE a_total counter\na_total{a=\"x\"} 0\n# TYPE d histogram\n"
            "d_bucket{overflow=\"true\",le=\"1\"} 0\nd_bucket{overflow=\"true\",le=\"+Inf\"} 1\n"
            "d_sum{overflow=\"true\"} 2\nd_count{overflow=\"true\"} 1\n");
}

TEST_F(ExpositionText, UnknownIsUntypedInText) {
  build.family(MetricType::kUnknown, "x");
  build.set("", 0.5);
  EXPECT_EQ(text(), "# TYPE x untyped\nx 0.5\n");
  EXPECT_EQ(openmetrics(), "# TYPE x unknown\nx 0.5\n# EOF\n");
}

TEST_F(ExpositionText, GaugeIsStoredAsComplementAndZeroMeansAbsent) {
  build.family(MetricType::kGauge, "g");
  build.set("i=\"1\"", 0);
  build.unset("i=\"2\"");
  build.set("i=\"3\"", -kInf);
  build.set("i=\"4\"", std::nan(""));
  EXPECT_EQ(text(), "# TYPE g gauge\ng{i=\"1\"} 0\ng{i=\"3\"} -Inf\ng{i=\"4\"} NaN\n");
}

TEST_F(ExpositionText, FamilyWithoutAPresentRowIsLeftOutWhole) {
  build.family(MetricType::kGauge, "g", "Help.");
  build.unset("");
  build.family(MetricType::kCounter, "c_total", "Help.");
  EXPECT_EQ(text(), "");
}

TEST_F(ExpositionText, UpDownCounterIsTheSignedNumberItself) {
  build.family(MetricType::kGauge, "inflight").number = Number::kSigned;
  build.row("", {static_cast<std::uint64_t>(-3)});
  build.row("a=\"b\"", {0});
  EXPECT_EQ(text(), "# TYPE inflight gauge\ninflight -3\ninflight{a=\"b\"} 0\n");
}

TEST_F(ExpositionText, CounterThatIsNotANumberOrNegativeIsDroppedAndCounted) {
  build.family(MetricType::kCounter, "s_total").number = Number::kFloat;
  build.row("i=\"1\"", {bits(std::nan(""))});
  build.row("i=\"2\"", {bits(-1)});
  build.row("i=\"3\"", {bits(0.1 + 0.2)});
  const Page page = write_openmetrics(build.snapshot());
  EXPECT_EQ(page.body.bytes(), "# TYPE s counter\ns_total{i=\"3\"} 0.30000000000000004\n# EOF\n");
  EXPECT_EQ(page.counts.rows, 1U);
  EXPECT_EQ(page.counts.dropped_rows, 2U);
}

TEST_F(ExpositionText, HelpIsEscapedAsEachDialectWants) {
  build.family(MetricType::kCounter, "c_total", "a\\b\n\"c\"");
  build.row("", {1});
  EXPECT_THAT(text(), HasSubstr("# HELP c_total a\\\\b\\n\"c\"\n"));
  EXPECT_THAT(openmetrics(), HasSubstr("# HELP c a\\\\b\\n\\\"c\\\"\n"));
}

TEST_F(ExpositionText, InvalidUtf8InHelpIsReplaced) {
  build.family(MetricType::kCounter, "c_total",
               "a\xFF"
               "b");
  build.row("", {1});
  EXPECT_THAT(text(), HasSubstr("# HELP c_total a\xEF\xBF\xBD"
                                "b\n"));
}

TEST_F(ExpositionText, UnitStandsOnlyInOpenMetricsAndOnlyIfTheNameEndsInIt) {
  build.family(MetricType::kCounter, "busy_seconds_total").unit = "seconds";
  build.row("", {1});
  build.family(MetricType::kGauge, "seconds").unit = "seconds";
  build.set("", 1);
  build.family(MetricType::kGauge, "size").unit = "bytes";
  build.set("", 1);
  EXPECT_THAT(text(), Not(HasSubstr("UNIT")));
  EXPECT_EQ(openmetrics(),
            "# TYPE busy_seconds counter\n# UNIT busy_seconds seconds\nbusy_seconds_total 1\n"
            "# TYPE seconds gauge\nseconds 1\n# TYPE size gauge\nsize 1\n# EOF\n");
}

TEST_F(ExpositionText, ClassicHistogramIsCumulativeAndItsCountIsItsInfBucket) {
  build.family(MetricType::kHistogram, "h").bounds = {0.25, 1, 1e6};
  build.row("a=\"x\"", {1, 2, 0, 3, bits(2.5)});
  EXPECT_EQ(text(),
            "# TYPE h histogram\n"
            "h_bucket{a=\"x\",le=\"0.25\"} 1\nh_bucket{a=\"x\",le=\"1\"} 3\n"
            "h_bucket{a=\"x\",le=\"1e+06\"} 3\nh_bucket{a=\"x\",le=\"+Inf\"} 6\n"
            "h_sum{a=\"x\"} 2.5\nh_count{a=\"x\"} 6\n");
  EXPECT_THAT(openmetrics(), HasSubstr("h_bucket{a=\"x\",le=\"1.0\"} 3\n"));
}

TEST_F(ExpositionText, HistogramWithoutLabelsHasNoCommaBeforeLe) {
  build.family(MetricType::kHistogram, "h");
  build.row("", {4, bits(1)});
  EXPECT_EQ(text(), "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 4\nh_sum 1\nh_count 4\n");
}

TEST_F(ExpositionText, OpenMetricsAllowsNoSumBesideANegativeBoundOrAsNegative) {
  build.family(MetricType::kHistogram, "below").bounds = {-1};
  build.row("", {1, 1, bits(3)});
  build.family(MetricType::kHistogram, "sunk").bounds = {1};
  build.row("", {1, 0, bits(-3)});
  EXPECT_THAT(text(), HasSubstr("below_sum 3\nbelow_count 2\n"));
  EXPECT_THAT(text(), HasSubstr("sunk_sum -3\nsunk_count 1\n"));
  EXPECT_THAT(openmetrics(), Not(HasSubstr("_sum")));
  EXPECT_THAT(openmetrics(), Not(HasSubstr("_count")));
}

TEST_F(ExpositionText, NativeHistogramBecomesBucketsAtPowersOfTwo) {
  build.family(MetricType::kNativeHistogram, "n").schema = 3;
  NativeValue value;
  value.sum = 30.5;
  value.positive = {{8, 2}, {9, 1}, {32, 4}};  // (.., 2], (2, ..], (.., 16]
  build.native("", value);
  EXPECT_EQ(openmetrics(),
            "# TYPE n histogram\n"
            "n_bucket{le=\"1.0\"} 0\nn_bucket{le=\"2.0\"} 2\nn_bucket{le=\"4.0\"} 3\n"
            "n_bucket{le=\"8.0\"} 3\nn_bucket{le=\"16.0\"} 7\nn_bucket{le=\"+Inf\"} 7\n"
            "n_sum 30.5\nn_count 7\n# EOF\n");
}

TEST_F(ExpositionText, ExemplarsStandOnlyInOpenMetrics) {
  build.family(MetricType::kCounter, "c_total");
  build.row("", {7});
  build.exemplar(0, 2);
  EXPECT_THAT(text(), Not(HasSubstr("trace_id")));
  EXPECT_EQ(openmetrics(),
            "# TYPE c counter\nc_total 7 # {trace_id=\"abababababababababababababababab\","
            "span_id=\"0c0c0c0c0c0c0c0c\"} 2 1700000000.250\n# EOF\n");
}

TEST_F(ExpositionText, ExemplarOutsideItsBucketIsDroppedAndCounted) {
  build.family(MetricType::kHistogram, "h").bounds = {1, 2};
  build.row("", {1, 1, 1, bits(5)});
  build.exemplar(0, 1.5);
  build.exemplar(1, 2);
  build.exemplar(2, 2);
  const Page page = write_openmetrics(build.snapshot());
  EXPECT_THAT(std::string(page.body.bytes()), HasSubstr("h_bucket{le=\"1.0\"} 1\n"));
  EXPECT_THAT(std::string(page.body.bytes()), HasSubstr("h_bucket{le=\"2.0\"} 2 # {"));
  EXPECT_THAT(std::string(page.body.bytes()), HasSubstr("h_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_EQ(page.counts.dropped_exemplars, 2U);
}

TEST_F(ExpositionText, TheNewestOfABucketsExemplarsStands) {
  build.family(MetricType::kHistogram, "h").bounds = {1};
  build.row("", {3, 0, bits(1)});
  build.exemplar(0, 0.1, 1'000'000);
  build.exemplar(0, 0.2, 3'000'000);
  build.exemplar(0, 0.3, 2'000'000);
  EXPECT_THAT(openmetrics(), HasSubstr("} 0.2 0.003\n"));
}

TEST_F(ExpositionText, ExemplarWithoutIdsOrTimeHasEmptyLabels) {
  build.family(MetricType::kNativeHistogram, "n");
  NativeValue value;
  value.positive = {{1, 1}};
  Exemplar bare;
  bare.value = 1.5;
  value.exemplars = {bare};
  build.native("", value);
  EXPECT_THAT(openmetrics(), HasSubstr("n_bucket{le=\"2.0\"} 1 # {} 1.5\n"));
}

TEST_F(ExpositionText, LinesLongerThanAnyFirstRoomAreWhole) {
  const std::string labels = "a=\"" + std::string(1'000'000, 'v') + "\"";
  build.family(MetricType::kCounter, "c_total");
  build.row(labels, {7});
  EXPECT_EQ(text(), "# TYPE c_total counter\nc_total{" + labels + "} 7\n");
}

}  // namespace
}  // namespace notch::agent
