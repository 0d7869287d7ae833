// Figures by service: what is charged to whom when processes come, go, become others, and lie.
#include "agent/processes/process_figures.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/agent/processes/measured_child.h"

namespace notch::agent {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::IsEmpty;
using testing::kThreadsOfAChild;
using ::testing::Lt;
using testing::MeasuredChild;

constexpr const char* kBytes = "process_io_bytes_total";
constexpr double kStep = 1 << 20;
constexpr double kTalk = 4096;  // of the test with its child, and of the child's start

void nothing() {}

void write_a_step() {
  static char block[1 << 20];
  const int null = ::open("/dev/null", O_WRONLY);
  if (::write(null, block, sizeof block) != sizeof block) ::_exit(1);
  ::close(null);
}

// The family's values by its rows' label values, joined by commas.
std::map<std::string, double> values(const ProcessFigures& figures, const std::string& name) {
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : figures.families()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string labels;
      for (const auto& label : metric.label) labels += (labels.empty() ? "" : ",") + label.value;
      values[labels] = metric.gauge.value;
    }
  }
  return values;
}

class ProcessFiguresTest : public ::testing::Test {
 protected:
  void sample(const std::vector<AttachedProcess>& attached, std::uint64_t pass_s = 15) {
    now_s_ += pass_s;
    figures_.sample(attached, now_s_);
  }
  double written(const std::string& service) {
    const auto all = values(figures_, kBytes);
    const auto found = all.find(service + ",write");
    return found == all.end() ? -1 : found->second;
  }
  std::uint64_t outcomes(ProcessOutcome outcome) {
    return figures_.outcomes()[static_cast<std::size_t>(outcome)];
  }

  ProcessFigures figures_{ProcessFiguresOptions{}};
  std::uint64_t now_s_ = 1000;
};

TEST_F(ProcessFiguresTest, ProcessesOfAServiceAddUp) {
  MeasuredChild one({write_a_step});
  MeasuredChild two({write_a_step});
  one.step();
  two.step();
  sample({one.attached("shop"), two.attached("shop")});
  EXPECT_THAT(written("shop"), AllOf(Ge(2 * kStep), Lt(2 * kStep + kTalk)));
  const auto threads = values(figures_, "process_thread_count");
  EXPECT_EQ(threads, (std::map<std::string, double>{{"shop", 2 * kThreadsOfAChild}}));
  EXPECT_GT(values(figures_, "process_memory_usage_bytes")["shop"], 0);
}

TEST_F(ProcessFiguresTest, EveryFamilyIsThereAndNoneIsTheAgentsOwn) {
  MeasuredChild child({nothing});
  sample({child.attached("shop")});
  std::set<std::string> names;
  for (const auto& family : figures_.families()) EXPECT_TRUE(names.insert(family.name).second);
  EXPECT_EQ(names, (std::set<std::string>{
                       "process_cpu_time_seconds_total", "process_paging_faults_total",
                       "process_context_switches_total", "process_disk_io_bytes_total", kBytes,
                       "process_memory_usage_bytes", "process_memory_virtual_bytes",
                       "process_thread_count", "process_unix_file_descriptor_count",
                       "process_creation_time_seconds"}));
}

TEST_F(ProcessFiguresTest, CreationIsTheOldestAndTheNewest) {
  MeasuredChild child({nothing});
  sample({child.attached("shop"), MeasuredChild::attached_process(::getpid(), "shop")});
  const auto times = values(figures_, "process_creation_time_seconds");
  const double now = static_cast<double>(::time(nullptr));
  ASSERT_EQ(times.size(), 2U);
  EXPECT_LE(times.at("shop,oldest"), times.at("shop,newest"));
  EXPECT_NEAR(times.at("shop,newest"), now, 60);
}

TEST_F(ProcessFiguresTest, BetweenTwoSamplesNothingIsRead) {
  MeasuredChild child({write_a_step, write_a_step});
  child.step();
  sample({child.attached("shop")});
  child.step();
  sample({child.attached("shop")}, 14);
  EXPECT_LT(written("shop"), 2 * kStep);
  sample({child.attached("shop")}, 1);
  EXPECT_GE(written("shop"), 2 * kStep);
}

TEST_F(ProcessFiguresTest, WhatTheDeadDidStays) {
  MeasuredChild child({write_a_step, write_a_step});
  MeasuredChild stays({nothing});
  child.step();
  sample({child.attached("shop"), stays.attached("shop")});
  child.step();
  child.kill();
  // Found dead before it was waited for: nothing is lost.
  sample({stays.attached("shop")}, 1);
  EXPECT_THAT(written("shop"), AllOf(Ge(2 * kStep), Lt(2 * kStep + kTalk)));
  EXPECT_EQ(values(figures_, "process_thread_count")["shop"], kThreadsOfAChild);
  child.reap();
  for (int i = 0; i < 3; ++i) sample({stays.attached("shop")});
  EXPECT_THAT(written("shop"), AllOf(Ge(2 * kStep), Lt(2 * kStep + kTalk)));
  sample({});
  EXPECT_GE(written("shop"), 2 * kStep);
  EXPECT_THAT(values(figures_, "process_thread_count"), IsEmpty());
}

TEST_F(ProcessFiguresTest, WhatADeadOneDidAfterItsLastSampleIsLostIfItIsGone) {
  MeasuredChild child({write_a_step, write_a_step});
  child.step();
  sample({child.attached("shop")});
  const double before = written("shop");
  child.step();
  child.kill();
  child.reap();
  sample({});
  EXPECT_EQ(written("shop"), before);
}

TEST_F(ProcessFiguresTest, AProcessThatBecomesAnotherProgramIsChargedOnce) {
  MeasuredChild child({write_a_step, write_a_step});
  child.step();
  sample({child.attached("shell")});
  // Between the two programs there is no segment.
  sample({}, 1);
  child.step();
  sample({child.attached("shop")}, 1);
  sample({child.attached("shop")});
  EXPECT_THAT(written("shell"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
  EXPECT_THAT(written("shop"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
}

TEST_F(ProcessFiguresTest, OfTwoSegmentsOfOneProcessTheLaterNamesIt) {
  MeasuredChild child({write_a_step});
  child.step();
  sample({child.attached("first"), child.attached("second")});
  EXPECT_EQ(written("first"), -1);
  EXPECT_THAT(written("second"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
}

TEST_F(ProcessFiguresTest, OfAnOlderProcessOnlyWhatItDoesFromNowOnIsCharged) {
  sample({MeasuredChild::attached_process(::getppid(), "old")});
  EXPECT_EQ(values(figures_, "process_paging_faults_total")["old,minor"], 0);
  EXPECT_GT(values(figures_, "process_memory_usage_bytes")["old"], 0);
}

TEST_F(ProcessFiguresTest, AnotherNamespacesNumberIsNotAsked) {
  MeasuredChild child({nothing});
  AttachedProcess foreign = child.attached("shop");
  ++foreign.pid_namespace;
  sample({foreign});
  EXPECT_THAT(figures_.families(), IsEmpty());
  EXPECT_EQ(outcomes(ProcessOutcome::kOtherNamespace), 1U);
}

TEST_F(ProcessFiguresTest, AReusedNumberIsNotCharged) {
  MeasuredChild child({nothing});
  AttachedProcess other = child.attached("shop");
  --other.claim.start_time_ticks;
  sample({other});
  EXPECT_THAT(figures_.families(), IsEmpty());
  EXPECT_EQ(outcomes(ProcessOutcome::kGone), 1U);
}

TEST_F(ProcessFiguresTest, WhoNamesAnothersProcessTakesNothingFromIt) {
  MeasuredChild child({write_a_step});
  child.step();
  const AttachedProcess right = child.attached("shop");
  AttachedProcess liar = child.attached("liar");
  liar.claim.owner_uid = ::geteuid() + 1;
  // Whoever comes first.
  sample({liar});
  EXPECT_THAT(figures_.families(), IsEmpty());
  sample({liar, right}, 1);
  EXPECT_THAT(written("shop"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
  for (int i = 0; i < 3; ++i) sample({right, liar});
  EXPECT_EQ(values(figures_, "process_thread_count"),
            (std::map<std::string, double>{{"shop", kThreadsOfAChild}}));
  EXPECT_THAT(written("shop"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
  EXPECT_EQ(outcomes(ProcessOutcome::kOtherOwner), 1U);
}

TEST_F(ProcessFiguresTest, ARoundReadsAtMostSoMany) {
  MeasuredChild child({nothing});
  std::vector<AttachedProcess> many;
  for (std::uint64_t i = 0; i < 2 * ProcessFigures::kMostPerRound; ++i) {
    many.push_back(child.attached("shop"));
    many.back().claim.start_time_ticks += i;
  }
  const auto looks = [this] {
    return outcomes(ProcessOutcome::kRead) + outcomes(ProcessOutcome::kGone);
  };
  sample(many);
  EXPECT_EQ(looks(), ProcessFigures::kMostPerRound);
  sample(many, 1);
  EXPECT_EQ(looks(), 2 * ProcessFigures::kMostPerRound);
  EXPECT_EQ(outcomes(ProcessOutcome::kRead), 1U);
  sample(many, 1);
  EXPECT_EQ(looks(), 2 * ProcessFigures::kMostPerRound);
}

TEST_F(ProcessFiguresTest, CoverageIsTheShareOfTheKernelsBytesThatPassed) {
  MeasuredChild child({write_a_step, write_a_step});
  child.step();
  AttachedProcess attached = child.attached("shop");
  sample({attached});
  EXPECT_THAT(figures_.coverage(), IsEmpty());  // the library is not there
  attached.passed_bytes = 1 << 20;
  sample({attached});
  EXPECT_NEAR(figures_.coverage()["shop"], 1, 0.01);
  // Half of it all is not seen; and then the process executes another program, which sees all.
  child.step();
  sample({attached});
  EXPECT_NEAR(figures_.coverage()["shop"], 0.5, 0.01);
  attached.passed_bytes = 1000;
  sample({attached});
  EXPECT_NEAR(figures_.coverage()["shop"], 0.5, 0.01);
  child.kill();
  sample({});
  EXPECT_NEAR(figures_.coverage()["shop"], 0.5, 0.01);
}

TEST(ProcessFiguresRetention, AServiceWithoutProcessesLeavesAfterIt) {
  ProcessFigures figures({.retention_s = 100});
  MeasuredChild child({nothing});
  figures.sample(std::vector{child.attached("shop")}, 1000);
  child.kill();
  figures.sample({}, 1010);
  figures.sample({}, 1110);
  EXPECT_EQ(values(figures, kBytes).count("shop,write"), 1U);
  figures.sample({}, 1111);
  EXPECT_THAT(figures.families(), IsEmpty());
}

TEST(ProcessFiguresByProcess, EachHasItsOwnRowsWhileItLives) {
  ProcessFigures figures({.per_process = true});
  MeasuredChild one({write_a_step});
  MeasuredChild two({nothing});
  one.step();
  const std::string first = "shop," + std::to_string(one.pid());
  const std::string second = "shop," + std::to_string(two.pid());
  figures.sample(std::vector{one.attached("shop"), two.attached("shop")}, 1000);
  const auto bytes = values(figures, kBytes);
  EXPECT_GE(bytes.at(first + ",write"), kStep);
  EXPECT_LT(bytes.at(second + ",write"), kStep);
  EXPECT_EQ(values(figures, "process_creation_time_seconds").size(), 2U);
  one.kill();
  figures.sample(std::vector{two.attached("shop")}, 1001);
  EXPECT_EQ(values(figures, kBytes).count(first + ",write"), 0U);
}

TEST_F(ProcessFiguresTest, AServiceTakesWhatItDidUnderItsNewName) {
  MeasuredChild child({write_a_step, write_a_step, nothing});
  MeasuredChild other({write_a_step});
  child.step();
  sample({child.attached("jobs")});
  const std::vector<ServiceRename> renames = {{"jobs", "jobs@7"}};
  figures_.rename(renames);
  EXPECT_THAT(written("jobs@7"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
  EXPECT_EQ(written("jobs"), -1);
  child.step();
  other.step();
  sample({child.attached("jobs@7"), other.attached("jobs")});
  EXPECT_THAT(written("jobs@7"), AllOf(Ge(2 * kStep), Lt(2 * kStep + kTalk)));
  EXPECT_THAT(written("jobs"), AllOf(Ge(kStep), Lt(kStep + kTalk)));
  // One that is gone is charged to the service it had, whatever that is called by now.
  child.step();
  const std::vector<ServiceRename> again = {{"jobs@7", "jobs@8"}};
  figures_.rename(again);
  sample({other.attached("jobs")});
  EXPECT_EQ(written("jobs@7"), -1);
  EXPECT_THAT(written("jobs@8"), Ge(2 * kStep));
  const std::vector<ServiceRename> gone = {{"jobs@8", ""}};
  figures_.rename(gone);
  EXPECT_EQ(written("jobs@8"), -1);
}

}  // namespace
}  // namespace notch::agent
