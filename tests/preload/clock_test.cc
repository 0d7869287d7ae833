// The clock of the preloaded library: it agrees with the kernel's, changes its way when the rate is
// known, stands still when it is forbidden, and is the coarse one where the fine one is slow.
#include "client/preload/clock.h"

#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace notch::preload {
namespace {

using std::chrono::steady_clock;

double kernel_seconds(steady_clock::time_point since) {
  return std::chrono::duration<double>(steady_clock::now() - since).count();
}

// One time by the library's clock, and the kernel's from inside and from outside of it.
struct Comparison {
  double least;
  double seconds;
  double most;
};

Comparison compare_clocks() {
  const auto outer = steady_clock::now();
  const Moment start = now();
  const auto inner = steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const double least = kernel_seconds(inner);
  const double seconds = seconds_since(start);
  return {least, seconds, kernel_seconds(outer)};
}

void expect_agreement(double most_error) {
  const Comparison found = compare_clocks();
  EXPECT_GE(found.seconds, found.least * (1 - most_error));
  EXPECT_LE(found.seconds, found.most * (1 + most_error));
}

// One process has one clock, so this is one test.
TEST(Clock, GoesFromNoWayToTheCounterAndBack) {
  EXPECT_EQ(now().by, ClockWay::kNone);
  EXPECT_LT(seconds_since(now()), 0);
  const bool is_coarse = start_clock();
  const Moment early = now();
  if (early.by == ClockWay::kNone || is_coarse) GTEST_SKIP() << "clock_gettime() is slow";
  ASSERT_EQ(early.by, ClockWay::kVdso);
  expect_agreement(0);
  const ClockWay by = now().by;  // the counter, if this processor has an even one
  if (by == ClockWay::kCounter) {
    EXPECT_LT(seconds_since(early), 0) << "two ways in one measurement";
  }
  expect_agreement(0.001);
  const Moment before = now();
  forbid_clock();
  EXPECT_EQ(now().by, ClockWay::kNone);
  EXPECT_LT(seconds_since(before), 0);
  allow_clock();
  EXPECT_EQ(now().by, before.by);
  EXPECT_GE(seconds_since(before), 0);
}

// As where the kernel's clock source is one that the vDSO cannot read.
int fine_readings = 0;
int read_as_by_a_system_call(clockid_t clock, timespec* time) {
  if (clock != CLOCK_MONOTONIC_COARSE) {
    ++fine_readings;
    const auto end = steady_clock::now() + std::chrono::microseconds(2);
    while (steady_clock::now() < end) {
    }
  }
  return clock_gettime(clock, time);
}

// Its own process, as it has a clock of its own. Each check has its exit code.
[[noreturn]] void time_coarsely() {
  if (!start_clock(read_as_by_a_system_call)) _exit(1);
  const int readings_to_choose = fine_readings;
  timespec tick{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  const double tick_s = static_cast<double>(tick.tv_nsec) * 1e-9;
  const auto outer = steady_clock::now();
  const Moment start = now();
  const std::uint64_t start_ns = now_ns();
  const auto inner = steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const double least_s = kernel_seconds(inner);
  const double seconds = seconds_since(start);
  const double seconds_kept = static_cast<double>(now_ns() - start_ns) * 1e-9;
  const double most_s = kernel_seconds(outer);
  if (start_ns == 0) _exit(2);
  if (seconds < least_s - tick_s || seconds > most_s + tick_s) _exit(3);
  if (seconds_kept < least_s - tick_s || seconds_kept > most_s + tick_s) _exit(4);
  // Nor does it become the counter, whose rate nobody learns from ticks.
  if (now().by != ClockWay::kVdso) _exit(5);
  if (fine_readings != readings_to_choose) _exit(6);
  _exit(0);
}

TEST(ClockDeathTest, IsTheCoarseOneWhereTheFineOneIsSlow) {
  if (getauxval(AT_SYSINFO_EHDR) == 0) GTEST_SKIP() << "no vDSO here";
  EXPECT_EXIT(time_coarsely(), testing::ExitedWithCode(0), "");
}

// As where the thread loses its processor between the two clocks' readings.
bool stalls = false;
int read_and_stall(clockid_t clock, timespec* time) {
  const int status = clock_gettime(clock, time);
  if (stalls) {
    const auto end = steady_clock::now() + std::chrono::milliseconds(5);
    while (steady_clock::now() < end) {
    }
  }
  return status;
}

// Its own process. The counter's rate would be known after 20 ms, by a reading that is 5 ms off.
[[noreturn]] void learn_the_rate_late() {
  if (start_clock(read_and_stall)) _exit(0);  // the coarse clock needs no rate
  const Moment outer = now();
  std::this_thread::sleep_for(std::chrono::milliseconds(25));
  stalls = true;
  (void)seconds_since(outer);
  if (now().by != ClockWay::kVdso) _exit(1);
  stalls = false;
  compare_clocks();  // a rate is learned now
  const Comparison found = compare_clocks();
  if (found.seconds < found.least * 0.999 || found.seconds > found.most * 1.001) _exit(2);
  _exit(0);
}

TEST(ClockDeathTest, TakesNoRateFromAReadingThatWasInterrupted) {
  EXPECT_EXIT(learn_the_rate_late(), testing::ExitedWithCode(0), "");
}

TEST(Sampling, IsOneIn32AndAHalfWithoutARhythm) {
  constexpr int kCalls = 325'000;
  int sampled = 0;
  int by_phase[8] = {};
  for (int i = 0; i < kCalls; ++i) {
    if (!is_sampled()) continue;
    ++sampled;
    ++by_phase[i % 8];
  }
  EXPECT_NEAR(sampled, 10'000, 500);
  for (const int phase : by_phase) EXPECT_NEAR(phase, sampled / 8, 200);
}

}  // namespace
}  // namespace notch::preload
