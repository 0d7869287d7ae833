// The demonstration's page of truth: its bounds hold at every instruction of a count.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>

#include "client/examples/otlp/demo_report.h"

namespace otlp_demo {
namespace {

using testing::HasSubstr;

TEST(TruthCell, IsExactBetweenCounts) {
  TruthCell cell;
  cell.count(3, [] {});
  cell.count(4, [] {});
  EXPECT_EQ(cell.at_least(), 7U);
  EXPECT_EQ(cell.at_most(), 7U);
}

TEST(TruthCell, IsInDoubtByTheOneCountUnderWay) {
  TruthCell cell;
  cell.count(3, [] {});
  cell.count(4, [&] {
    EXPECT_EQ(cell.at_least(), 3U);
    EXPECT_EQ(cell.at_most(), 7U);
  });
}

// What a kill in the middle leaves: the intent stands, the end was never reached.
void die_while_counting(TruthCell& cell, std::uint64_t n) {
  try {
    cell.count(n, [] { throw std::runtime_error("killed"); });
  } catch (const std::runtime_error&) {
  }
}

TEST(TruthTotals, AddUpAllLanesAndKeepTheDoubt) {
  TruthSlot slot;
  slot.lanes[0].cells[kBatchSeries].count(5, [] {});
  slot.lanes[1].cells[kBatchSeries].count(6, [] {});
  die_while_counting(slot.lanes[kExporterLane].cells[kBatchSeries], 7);
  TruthTotals totals;
  totals.take(slot);
  EXPECT_EQ(totals.at_least[kBatchSeries], 11U);
  EXPECT_EQ(totals.at_most[kBatchSeries], 18U);
}

TEST(TruthTotals, ASlotIsTakenOnce) {
  TruthSlot slot;
  slot.ready.store(1);
  die_while_counting(slot.lanes[0].cells[0], 7);
  TruthTotals totals;
  totals.take(slot);
  totals.take(slot);
  EXPECT_EQ(totals.at_most[0], 7U);
  EXPECT_EQ(slot.ready.load(), 0U);
}

TEST(TruthSeries, EachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (std::size_t series = 0; series < kTruthSeries; ++series) {
    const SeriesName name = series_name(series);
    std::string text(name.metric);
    for (const auto& [label, value] : name.labels) {
      text += " " + std::string(label) + "=" + std::string(value);
    }
    names.insert(text);
  }
  EXPECT_EQ(names.size(), kTruthSeries);
}

TEST(TruthSeries, ASpanIsCountedUnderItsOwnLabels) {
  Span span;
  span.service = 2;
  span.kind = 3;
  const SeriesName name = series_name(ended_series(span));
  EXPECT_EQ(name.metric, "otlp_spans_duration_seconds_count");
  EXPECT_EQ(name.labels[0].second, kServices[2]);
  EXPECT_EQ(name.labels[1].second, kKinds[3]);
}

TEST(DemoReport, SaysBothBounds) {
  DemoReport report;
  report.seed = 18446744073709551615U;
  report.workers_killed = 3;
  report.truth.at_least[exported_series(Status::kFailure)] = 10;
  report.truth.at_most[exported_series(Status::kFailure)] = 12;
  const std::string text = to_json(report);
  EXPECT_THAT(text, HasSubstr("\"seed\": 18446744073709551615"));
  EXPECT_THAT(text, HasSubstr("\"killed\": 3"));
  EXPECT_THAT(text, HasSubstr(R"({"metric": "otlp_spans_exported_total", "labels": )"
                              R"({"exporter": "otlp", "status": "failure"}, )"
                              R"("at_least": 10, "at_most": 12})"));
}

TEST(DemoReport, IsNotWrittenInHalf) {
  EXPECT_FALSE(write_file("/nonexistent/report.json", "{}"));
}

}  // namespace
}  // namespace otlp_demo
