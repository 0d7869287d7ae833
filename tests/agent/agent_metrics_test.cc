// What the agent says of itself: every family is there from the start, and every total reaches it.
#include "agent/agent_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/family/conflict.h"

namespace notch::agent {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Pair;

// One AgentMetrics over totals that a test may set.
struct Told {
  CollectStats collect;
  HttpStats http;
  ExpositionStats exposition;
  DirectoryState directory = {DirectorySpace{1000, 250}, 0, true, true, 0, {41000, 40000, 1000}};
  std::uint64_t loop_failures = 0;
  OutcomeCounts process_samples{};
  std::map<std::string, double> coverage;
  std::map<std::string, std::uint64_t> host_errors;
  HostDrops host_drops;
  AgentMetrics metrics{{[this] { return collect; }, [this] { return http; },
                        [this] { return exposition; }, [this] { return directory; },
                        [this] { return loop_failures; }, [this] { return process_samples; },
                        [this] { return coverage; }, [this] { return host_errors; },
                        [this] { return host_drops; }}};

  prometheus::MetricFamily family(const std::string& name) const {
    for (prometheus::MetricFamily& family : metrics.Collect()) {
      if (family.name == name) return family;
    }
    ADD_FAILURE() << name << " is not declared";
    return {};
  }

  // The family's values by its rows' label values, joined by commas.
  std::map<std::string, double> values(const std::string& name) const {
    std::map<std::string, double> values;
    const prometheus::MetricFamily found = family(name);
    for (const prometheus::ClientMetric& metric : found.metric) {
      std::string labels;
      for (const auto& label : metric.label) labels += (labels.empty() ? "" : ",") + label.value;
      const bool counter = found.type == prometheus::MetricType::Counter;
      values[labels] = counter ? metric.counter.value : metric.gauge.value;
    }
    return values;
  }
};

struct Declared {
  const char* name;
  prometheus::MetricType type;
};

constexpr auto kCounter = prometheus::MetricType::Counter;
constexpr auto kGauge = prometheus::MetricType::Gauge;
constexpr auto kHistogram = prometheus::MetricType::Histogram;

const std::vector<Declared> kDeclared = {
    {"notch_agent_build_info", kGauge},
    {"notch_agent_segments", kGauge},
    {"notch_agent_series", kGauge},
    {"notch_agent_rows", kGauge},
    {"notch_agent_mapped_bytes", kGauge},
    {"notch_agent_segment_memory_bytes", kGauge},
    {"notch_agent_ledger_rows", kGauge},
    {"notch_agent_ledger_bytes", kGauge},
    {"notch_agent_ignored_names_total", kCounter},
    {"notch_agent_loop_failures_total", kCounter},
    {"notch_agent_process_samples_total", kCounter},
    {"notch_agent_preload_coverage_ratio", kGauge},
    {"notch_agent_host_collector_errors_total", kCounter},
    {"notch_agent_host_dropped_total", kCounter},
    {"notch_agent_rejected_segments_total", kCounter},
    {"notch_agent_removed_segments_total", kCounter},
    {"notch_agent_renamed_services_total", kCounter},
    {"notch_agent_conflicts_total", kCounter},
    {"notch_agent_client_dropped_total", kCounter},
    {"notch_agent_not_finite_total", kCounter},
    {"notch_agent_held_back_total", kCounter},
    {"notch_agent_process_ends_total", kCounter},
    {"notch_agent_folds_total", kCounter},
    {"notch_agent_fold_failures_total", kCounter},
    {"notch_agent_ledger_broken_frames_total", kCounter},
    {"notch_agent_overflowed_rows_total", kCounter},
    {"notch_agent_retired_rows_total", kCounter},
    {"notch_agent_http_requests_total", kCounter},
    {"notch_agent_http_requests_in_flight", kGauge},
    {"notch_agent_http_connections", kGauge},
    {"notch_agent_http_sent_bytes_total", kCounter},
    {"notch_agent_http_rejected_requests_total", kCounter},
    {"notch_agent_http_cut_connections_total", kCounter},
    {"notch_agent_http_refused_connections_total", kCounter},
    {"notch_agent_http_held_page_bytes", kGauge},
    {"notch_agent_http_timeouts_total", kCounter},
    {"notch_agent_http_tls_failures_total", kCounter},
    {"notch_agent_http_unauthorized_total", kCounter},
    {"notch_agent_web_config_reloads_total", kCounter},
    {"notch_agent_dropped_families_total", kCounter},
    {"notch_agent_dropped_rows_total", kCounter},
    {"notch_agent_dropped_exemplars_total", kCounter},
    {"notch_agent_shared_scrapes_total", kCounter},
    {"notch_agent_scrape_duration_seconds", kHistogram},
    {"notch_agent_collect_duration_seconds", kHistogram},
    {"process_cpu_seconds_total", kCounter},
    {"process_threads", kGauge},
    {"process_start_time_seconds", kGauge},
    {"process_virtual_memory_bytes", kGauge},
    {"notch_agent_directory_watched", kGauge},
    {"notch_agent_directory_present", kGauge},
    {"notch_agent_directory_replacements_total", kCounter},
    {"notch_agent_ledger_replacements_total", kCounter},
    {"notch_agent_directory_size_bytes", kGauge},
    {"notch_agent_directory_available_bytes", kGauge},
    {"notch_agent_directory_entries", kGauge},
    {"notch_agent_directory_largest_user_entries", kGauge},
    {"process_resident_memory_bytes", kGauge},
    {"process_open_fds", kGauge},
    {"process_max_fds", kGauge},
};

TEST(AgentMetrics, DeclaresEachFamilyOnceWithItsTypeAndNoOther) {
  std::set<std::string> expected;
  const Told told;
  for (const Declared& declared : kDeclared) {
    expected.insert(declared.name);
    const prometheus::MetricFamily family = told.family(declared.name);
    EXPECT_EQ(family.type, declared.type) << declared.name;
    EXPECT_FALSE(family.help.empty()) << declared.name;
  }
  std::set<std::string> found;
  for (const prometheus::MetricFamily& family : told.metrics.Collect()) {
    EXPECT_TRUE(found.insert(family.name).second) << family.name << " stands twice";
  }
  EXPECT_EQ(found, expected);
}

TEST(AgentMetrics, AReasonThatNeverHappenedHasNoSeries) {
  const Told told;
  EXPECT_THAT(told.values("notch_agent_rejected_segments_total"), IsEmpty());
  EXPECT_THAT(told.values("notch_agent_conflicts_total"), IsEmpty());
  EXPECT_THAT(told.values("notch_agent_client_dropped_total"), IsEmpty());
  EXPECT_THAT(told.values("notch_agent_process_ends_total"), IsEmpty());
  EXPECT_THAT(told.values("notch_agent_process_samples_total"), IsEmpty());
  EXPECT_THAT(told.values("notch_agent_http_requests_total"), IsEmpty());
}

TEST(AgentMetrics, CountersWithoutLabelsStartAtZero) {
  const Told told;
  for (const char* name : {"notch_agent_folds_total", "notch_agent_fold_failures_total",
                           "notch_agent_not_finite_total", "notch_agent_held_back_total"}) {
    EXPECT_EQ(told.values(name), (std::map<std::string, double>{{"", 0}})) << name;
  }
}

TEST(AgentMetrics, TheDirectorysRoomIsShownIfItIsKnown) {
  Told told;
  EXPECT_EQ(told.values("notch_agent_directory_size_bytes"),
            (std::map<std::string, double>{{"", 1000}}));
  EXPECT_EQ(told.values("notch_agent_directory_available_bytes"),
            (std::map<std::string, double>{{"", 250}}));
  told.directory.space.reset();
  for (const prometheus::MetricFamily& family : told.metrics.Collect()) {
    EXPECT_NE(family.name, "notch_agent_directory_size_bytes");
  }
}

TEST(AgentMetrics, WhetherTheDirectoryIsWatchedAndThereIsShown) {
  Told told;
  const std::map<std::string, double> yes = {{"", 1}};
  const std::map<std::string, double> no = {{"", 0}};
  EXPECT_EQ(told.values("notch_agent_directory_watched"), yes);
  EXPECT_EQ(told.values("notch_agent_directory_present"), yes);
  told.directory.watched = false;
  EXPECT_EQ(told.values("notch_agent_directory_watched"), no);
  EXPECT_EQ(told.values("notch_agent_directory_present"), yes);
  told.directory.present = false;
  EXPECT_EQ(told.values("notch_agent_directory_present"), no);
}

TEST(AgentMetrics, SegmentsAreShownByState) {
  Told told;
  told.collect.live_segments = 5;
  told.collect.dead_segments = 4;
  told.collect.nameless_segments = 3;
  told.collect.rejected_segments = 2;
  told.collect.unremoved_segments = 1;
  told.collect.waiting_segments = 6;
  EXPECT_EQ(told.values("notch_agent_segments"), (std::map<std::string, double>{{"live", 5},
                                                                                {"dead", 4},
                                                                                {"nameless", 3},
                                                                                {"rejected", 2},
                                                                                {"waiting", 6},
                                                                                {"unremoved", 1}}));
}

TEST(AgentMetrics, EachTotalReachesItsCounter) {
  Told told;
  told.directory.ignored_names = 11;
  told.loop_failures = 14;
  told.collect.folds = 12;
  told.collect.fold_failures = 13;
  told.collect.ledger_replacements = 26;
  told.directory.regained = 27;
  told.collect.overflowed_rows = 14;
  told.collect.broken_frames = 25;
  told.collect.retired_rows = 15;
  told.collect.not_finite = 16;
  told.collect.resets = 17;
  told.http.bytes_sent = 18;
  told.http.connections_refused = 19;
  told.http.tls_failures = 20;
  told.http.unauthorized = 21;
  told.exposition.dropped_rows = 22;
  told.exposition.dropped_exemplars = 23;
  told.exposition.shared_scrapes = 24;
  const std::map<std::string, double> expected = {
      {"notch_agent_ignored_names_total", 11},
      {"notch_agent_loop_failures_total", 14},
      {"notch_agent_folds_total", 12},
      {"notch_agent_fold_failures_total", 13},
      {"notch_agent_ledger_broken_frames_total", 25},
      {"notch_agent_ledger_replacements_total", 26},
      {"notch_agent_directory_replacements_total", 27},
      {"notch_agent_overflowed_rows_total", 14},
      {"notch_agent_retired_rows_total", 15},
      {"notch_agent_not_finite_total", 16},
      {"notch_agent_held_back_total", 17},
      {"notch_agent_http_sent_bytes_total", 18},
      {"notch_agent_http_refused_connections_total", 19},
      {"notch_agent_http_tls_failures_total", 20},
      {"notch_agent_http_unauthorized_total", 21},
      {"notch_agent_dropped_rows_total", 22},
      {"notch_agent_dropped_exemplars_total", 23},
      {"notch_agent_shared_scrapes_total", 24},
  };
  for (const auto& [name, value] : expected) {
    EXPECT_THAT(told.values(name), Contains(Pair("", value))) << name;
  }
}

TEST(AgentMetrics, WhatHasReasonsIsShownByThem) {
  Told told;
  told.collect.rejected["not_a_segment"] = 2;
  told.collect.conflicts[static_cast<std::size_t>(Conflict::kHelp)] = 3;
  told.collect.drops[static_cast<std::size_t>(shm::DropReason::kNegative)] = 4;
  told.http.responses[503] = 5;
  told.http.header_timeouts = 6;
  told.http.rejected_by_requests = 12;
  told.http.rejected_by_passwords = 13;
  told.http.rejected_by_memory = 14;
  told.http.cut_slow_readers = 15;
  told.http.cut_for_connections = 16;
  told.http.cut_for_requests = 17;
  told.http.cut_for_memory = 18;
  told.http.write_timeouts = 7;
  told.http.config_reloads = 10;
  told.http.config_reload_failures = 11;
  told.exposition.dropped_families["clash"] = 8;
  told.process_samples[static_cast<std::size_t>(ProcessOutcome::kOtherOwner)] = 9;
  using Values = std::map<std::string, double>;
  EXPECT_EQ(told.values("notch_agent_rejected_segments_total"), (Values{{"not_a_segment", 2}}));
  EXPECT_EQ(told.values("notch_agent_conflicts_total"), (Values{{"help", 3}}));
  EXPECT_EQ(told.values("notch_agent_client_dropped_total"), (Values{{"negative", 4}}));
  EXPECT_EQ(told.values("notch_agent_http_requests_total"), (Values{{"503", 5}}));
  EXPECT_EQ(told.values("notch_agent_http_timeouts_total"), (Values{{"header", 6}, {"write", 7}}));
  EXPECT_EQ(told.values("notch_agent_http_rejected_requests_total"),
            (Values{{"requests", 12}, {"passwords", 13}, {"page_memory", 14}}));
  EXPECT_EQ(
      told.values("notch_agent_http_cut_connections_total"),
      (Values{{"slow_reader", 15}, {"connections", 16}, {"requests", 17}, {"page_memory", 18}}));
  EXPECT_EQ(told.values("notch_agent_web_config_reloads_total"),
            (Values{{"refused", 11}, {"taken", 10}}));
  EXPECT_EQ(told.values("notch_agent_dropped_families_total"), (Values{{"clash", 8}}));
  EXPECT_EQ(told.values("notch_agent_process_samples_total"), (Values{{"other_owner", 9}}));
}

TEST(AgentMetrics, EndsAreShownByServiceAndKind) {
  Told told;
  told.collect.ends["shop"] = {.closed = 1, .exec = 0, .killed = 3};
  EXPECT_EQ(told.values("notch_agent_process_ends_total"),
            (std::map<std::string, double>{{"shop,closed", 1}, {"shop,killed", 3}}));
}

TEST(AgentMetrics, CoverageIsShownByService) {
  Told told;
  EXPECT_THAT(told.values("notch_agent_preload_coverage_ratio"), IsEmpty());
  told.coverage["shop"] = 0.5;
  EXPECT_EQ(told.values("notch_agent_preload_coverage_ratio"),
            (std::map<std::string, double>{{"shop", 0.5}}));
}

TEST(AgentMetrics, DurationsAreObserved) {
  Told told;
  told.metrics.observe_scrape(0.002);
  told.metrics.observe_scrape(0.2);
  told.metrics.observe_collect(0.0001);
  const auto scrapes = told.family("notch_agent_scrape_duration_seconds").metric.at(0).histogram;
  EXPECT_EQ(scrapes.sample_count, 2U);
  EXPECT_DOUBLE_EQ(scrapes.sample_sum, 0.202);
  const auto collects = told.family("notch_agent_collect_duration_seconds").metric.at(0).histogram;
  EXPECT_EQ(collects.sample_count, 1U);
}

TEST(DropReasonName, EveryReasonHasOneOfItsOwn) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(shm::DropReason::kInheritedGauge) + 1; ++i) {
    const std::string name = drop_reason_name(static_cast<shm::DropReason>(i));
    EXPECT_NE(name, "unknown") << i;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

}  // namespace
}  // namespace notch::agent
