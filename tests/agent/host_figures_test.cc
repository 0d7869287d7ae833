// The host's figures: texts of real kernels, broken ones, and what the host says now.
#include "agent/host_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace notch::agent {
namespace {

using ::testing::IsEmpty;

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

std::string names_of(const HostFigures& figures) {
  std::string names;
  for (const prometheus::MetricFamily& family : figures.families()) names += family.name + " ";
  return names;
}

TEST(HostFigures, NothingIsShownBeforeTheFirstSample) {
  EXPECT_THAT(HostFigures().families(), IsEmpty());
}

TEST(HostFigures, TheProcessorsShareNeedsTwoSamples) {
  HostFigures figures;
  figures.sample();
  EXPECT_EQ(names_of(figures), "otlp_system_memory_usage_bytes otlp_system_tasks_count ");
  // A tick of the processors' clocks goes by.
  const auto before = figures.families().size();
  for (int i = 0; i < 1'000'000 && figures.families().size() == before; ++i) figures.sample();
  ASSERT_EQ(figures.families().size(), 3U);
  const prometheus::MetricFamily cpu = figures.families().front();
  EXPECT_EQ(cpu.name, "otlp_system_cpu_usage_percent");
  EXPECT_EQ(cpu.type, prometheus::MetricType::Gauge);
  EXPECT_GE(cpu.metric.at(0).gauge.value, 0);
  EXPECT_LE(cpu.metric.at(0).gauge.value, 100);
}

TEST(HostFigures, MemoryAndTasksAreGaugesAboveZero) {
  HostFigures figures;
  figures.sample();
  for (const prometheus::MetricFamily& family : figures.families()) {
    EXPECT_EQ(family.type, prometheus::MetricType::Gauge) << family.name;
    EXPECT_GT(family.metric.at(0).gauge.value, 0) << family.name;
  }
}

}  // namespace
}  // namespace notch::agent
