// The host's figures: texts of real kernels, broken ones, and what the host says now.
#include "agent/host/otlp_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "agent/family/row_slots.h"

namespace notch::agent {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Pair;

// Of a kernel 6.1: user nice system idle iowait irq softirq steal guest guest_nice.
constexpr const char* kStat =
    "cpu  1000 200 300 5000 400 50 60 70 800 90\n"
    "cpu0 500 100 150 2500 200 25 30 35 400 45\n"
    "intr 12345 0 0\n"
    "ctxt 987654\n"
    "btime 1700000000\n";

constexpr const char* kMeminfo =
    "MemTotal:       16314836 kB\n"
    "MemFree:          512044 kB\n"
    "MemAvailable:   10314836 kB\n"
    "Buffers:          123456 kB\n";

TEST(CpuTicks, IdleAndIowaitAreNotBusyAndGuestsAreNotAddedAgain) {
  const auto ticks = parse_cpu_ticks(kStat);
  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->busy, 1000U + 200 + 300 + 50 + 60 + 70);
  EXPECT_EQ(ticks->total, ticks->busy + 5000 + 400);
}

TEST(CpuTicks, AKernelWithoutTheLaterFieldsWillDo) {
  const auto ticks = parse_cpu_ticks("cpu  10 20 30 40\nintr 7\n");
  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->busy, 60U);
  EXPECT_EQ(ticks->total, 100U);
}

TEST(CpuTicks, BrokenTextsGiveNone) {
  for (const std::string_view broken :
       {"", "\n", "cpu", "cpu ", "cpu0 1 2 3 4\n", "cpu  1 2 3\n4 5 6\n", "cpu  a b c d\n",
        "cpu  1 2 3 -4\n", "cpu  1 2 99999999999999999999 4\n"}) {
    EXPECT_FALSE(parse_cpu_ticks(broken)) << broken;
  }
}

TEST(MemoryUsed, IsTotalLessAvailableInBytes) {
  EXPECT_EQ(parse_memory_used_bytes(kMeminfo), std::uint64_t{6'000'000} * 1024);
}

TEST(MemoryUsed, NeedsBothNumbers) {
  for (const std::string_view broken :
       {"", "MemTotal: 5 kB\n", "MemAvailable: 5 kB\n", "MemTotal:\nMemAvailable: 5 kB\n",
        "MemTotal 9 kB\nMemAvailable: 5 kB\n", "MemTotalX: 9 kB\nMemAvailable: 5 kB\n",
        "MemTotal: 5 kB\nMemAvailable: 6 kB\n"}) {
    EXPECT_FALSE(parse_memory_used_bytes(broken)) << broken;
  }
}

TEST(TaskCount, IsBehindTheSlash) {
  EXPECT_EQ(parse_task_count("0.42 0.17 0.05 2/1234 56789\n"), 1234U);
}

TEST(TaskCount, BrokenTextsGiveNone) {
  for (const std::string_view broken : {"", "0.42 0.17", "0.42 0.17 0.05 2/", "1 2 3 4/x 5"}) {
    EXPECT_FALSE(parse_task_count(broken)) << broken;
  }
}

// One collector over this host, and what it would show.
struct Sampled {
  HostFiles files{HostPaths{}};
  OtlpSystemCollector collector;

  void sample() {
    files.begin_scrape();
    collector.sample(files);
  }
  std::map<std::string, double> shown() {
    HostDrops drops;
    FamilyList list("unused_", drops);
    list.begin_collector("otlp_system");
    EXPECT_EQ(collector.collect(files, list).kind, CollectResult::Kind::kDone);
    const Snapshot snapshot = list.finish();
    std::map<std::string, double> values;
    for (const FamilySnapshot& family : snapshot.families) {
      EXPECT_EQ(family.family->type, MetricType::kGauge);
      values[family.family->name] =
          scalar_value(*family.family, family.slots[family.rows[0].first_slot]);
    }
    return values;
  }
};

TEST(OtlpSystem, NothingIsShownBeforeTheFirstSample) {
  EXPECT_THAT(Sampled().shown(), IsEmpty());
}

TEST(OtlpSystem, TheProcessorsShareNeedsTwoSamples) {
  Sampled host;
  host.sample();
  EXPECT_THAT(host.shown(), ElementsAre(Pair("otlp_system_memory_usage_bytes", Gt(0)),
                                        Pair("otlp_system_tasks_count", Gt(0))));
  // A tick of the processors' clocks goes by.
  for (int i = 0; i < 1'000'000 && host.shown().size() == 2; ++i) host.sample();
  EXPECT_THAT(host.shown(), Contains(Pair("otlp_system_cpu_usage_percent", AllOf(Ge(0), Le(100)))));
}

}  // namespace
}  // namespace notch::agent
