// The clock of the preloaded library: it agrees with the kernel's, changes its way when the rate is
// known, and stands still when it is forbidden.
#include "client/preload/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace notch::preload {
namespace {

using std::chrono::steady_clock;

double kernel_seconds(steady_clock::time_point since) {
  return std::chrono::duration<double>(steady_clock::now() - since).count();
}

// Sleeps, and holds both clocks against each other.
void expect_agreement(double most_error) {
  const auto outer = steady_clock::now();
  const Moment start = now();
  const auto inner = steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const double least = kernel_seconds(inner);
  const double seconds = seconds_since(start);
  const double most = kernel_seconds(outer);
  EXPECT_GE(seconds, least * (1 - most_error));
  EXPECT_LE(seconds, most * (1 + most_error));
}

// One process has one clock, so this is one test.
TEST(Clock, GoesFromNoWayToTheCounterAndBack) {
  EXPECT_EQ(now().by, ClockWay::kNone);
  EXPECT_LT(seconds_since(now()), 0);
  start_clock();
  const Moment early = now();
  if (early.by == ClockWay::kNone) GTEST_SKIP() << "clock_gettime() is slow here";
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
  EXPECT_EQ(now().by, by);
  EXPECT_GE(seconds_since(before), 0);
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
