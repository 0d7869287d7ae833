// Names, label names and label text as a segment may bring them: one rule of judge_family() each.
#include "agent/family/metric_names.h"

#include <gtest/gtest.h>

#include <limits>

#include "agent/family/label_text.h"
#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using testing::counter_entry;
using testing::gauge_entry;
using testing::histogram_entry;

Conflict fault_of(const shm::FamilyEntry& entry) {
  return judge_family(entry, false).fault;
}

TEST(MetricNames, FollowPrometheusRules) {
  for (const char* name : {"a", "_a", ":a", "a:b_c9", "A"}) EXPECT_TRUE(is_metric_name(name));
  for (const char* name : {"", "9a", "a-b", "a b", "a.b", "\xC3\xA4"}) {
    EXPECT_FALSE(is_metric_name(name)) << name;
  }
}

TEST(LabelNames, HaveNoColon) {
  EXPECT_TRUE(is_label_name("a_b9"));
  EXPECT_FALSE(is_label_name("a:b"));
}

TEST(JudgeFamily, RefusesWhatTheExpositionWritesItself) {
  for (const char* label : {"__name__", "__x", "le", "quantile"}) {
    EXPECT_EQ(fault_of(counter_entry("a_total", {label})), Conflict::kReservedLabel) << label;
  }
}

TEST(JudgeFamily, RefusesBadNames) {
  EXPECT_EQ(fault_of(counter_entry("a-b")), Conflict::kMetricName);
  EXPECT_EQ(fault_of(counter_entry("a_total", {"b-c"})), Conflict::kLabelName);
  EXPECT_EQ(fault_of(counter_entry("a_total", {"b", "b"})), Conflict::kRepeatedLabel);
}

TEST(JudgeFamily, RefusesARenamedLabelThatMeetsAnother) {
  EXPECT_EQ(fault_of(counter_entry("a_total", {"service", "exported_service"})),
            Conflict::kRepeatedLabel);
}

TEST(JudgeFamily, RefusesShapesThatDoNotGoTogether) {
  shm::FamilyEntry signed_counter = counter_entry("a_total");
  signed_counter.number = shm::NumberKind::kSigned;
  EXPECT_EQ(fault_of(signed_counter), Conflict::kDefinition);
  EXPECT_EQ(fault_of(histogram_entry("a", {2, 1})), Conflict::kDefinition);
  EXPECT_EQ(fault_of(histogram_entry("a", {1, std::numeric_limits<double>::infinity()})),
            Conflict::kDefinition);
  shm::FamilyEntry native = testing::family_entry(shm::FamilyType::kNativeHistogram, "a");
  native.schema = 9;
  EXPECT_EQ(fault_of(native), Conflict::kDefinition);
}

TEST(JudgeFamily, EndsACountersNameInTotal) {
  EXPECT_EQ(judge_family(counter_entry("a"), false).family.name, "a_total");
  EXPECT_EQ(judge_family(counter_entry("a_total"), false).family.name, "a_total");
}

TEST(JudgeFamily, RenamesTheLabelsTheAgentSetsItself) {
  const auto names = [](const JudgedFamily& judged) {
    std::string joined;
    for (const LabelColumn& column : judged.columns) joined += column.name + " ";
    return joined;
  };
  const shm::FamilyEntry entry = counter_entry("a_total", {"service", "pid"});
  EXPECT_EQ(names(judge_family(entry, false)), "exported_service pid ");
  EXPECT_EQ(names(judge_family(entry, true)), "exported_pid exported_service ");
  shm::FamilyEntry each = gauge_entry("g", shm::GaugeMode::kEach);
  each.label_names = {"pid"};
  EXPECT_EQ(names(judge_family(each, false)), "exported_pid ");
}

TEST(JudgeFamily, MakesHelpValid) {
  shm::FamilyEntry entry = counter_entry("a_total");
  entry.help = "a\xFFz";
  EXPECT_EQ(judge_family(entry, false).family.help, "a\xEF\xBF\xBDz");
}

TEST(LabelText, EscapesAsText004Does) {
  std::string text;
  append_label(text, "a", "x\\y\"z\n");
  append_label(text, "b", "\xFF");
  EXPECT_EQ(text, "a=\"x\\\\y\\\"z\\n\",b=\"\xEF\xBF\xBD\"");
}

TEST(LabelText, LeavesEmptyValuesOut) {
  std::string text;
  append_label(text, "a", "");
  append_label(text, "b", "1");
  append_label(text, "c", "");
  EXPECT_EQ(text, "b=\"1\"");
}

}  // namespace
}  // namespace notch::agent
