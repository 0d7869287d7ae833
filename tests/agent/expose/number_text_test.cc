// Numbers as text: what each format's other writers print.
#include "agent/expose/number_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace notch::agent {
namespace {

std::string number(double value) {
  char text[kMaxNumberBytes];
  return {text, put_double(text, value)};
}

std::string text_bound(double value) {
  char text[kMaxNumberBytes];
  return {text, put_text_bound(text, value)};
}

std::string openmetrics_bound(double value) {
  char text[kMaxNumberBytes];
  return {text, put_openmetrics_bound(text, value)};
}

TEST(NumberText, WholeNumbersHaveNoPointAndOthersTheShortestForm) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(-5), "-5");
  EXPECT_EQ(number(1e15), "1000000000000000");
  EXPECT_EQ(number(0.25), "0.25");
  EXPECT_EQ(number(0.1 + 0.2), "0.30000000000000004");
}

TEST(NumberText, WhatIsNotFiniteIsSpelledAsTheFormatsWant) {
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(number(std::nan("")), "NaN");
  EXPECT_EQ(number(-std::nan("")), "NaN");
}

TEST(NumberText, EveryDoubleReadsBackAsItself) {
  std::mt19937_64 random(20260401);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(std::strtod(number(value).c_str(), nullptr), value);
    ASSERT_EQ(std::strtod(openmetrics_bound(value).c_str(), nullptr), value);
  }
}

TEST(NumberText, ZeroHasNoSign) {
  EXPECT_EQ(number(-0.0), "0");
  EXPECT_EQ(text_bound(-0.0), "0");
  EXPECT_EQ(openmetrics_bound(-0.0), "0.0");
}

TEST(NumberText, BoundsAreCanonicalInOpenMetrics) {
  EXPECT_EQ(openmetrics_bound(0), "0.0");
  EXPECT_EQ(openmetrics_bound(0.001), "0.001");
  EXPECT_EQ(openmetrics_bound(1), "1.0");
  EXPECT_EQ(openmetrics_bound(-10), "-10.0");
  EXPECT_EQ(openmetrics_bound(100000), "100000.0");
  EXPECT_EQ(openmetrics_bound(1e6), "1e+06");
  EXPECT_EQ(openmetrics_bound(1234567), "1.234567e+06");
  EXPECT_EQ(openmetrics_bound(1e-5), "1e-05");
  EXPECT_EQ(openmetrics_bound(1e23), "1e+23");
}

TEST(NumberText, BoundsHaveNoAddedPointInText) {
  EXPECT_EQ(text_bound(1), "1");
  EXPECT_EQ(text_bound(2.5), "2.5");
  EXPECT_EQ(text_bound(100000), "100000");
  EXPECT_EQ(text_bound(1e6), "1e+06");
}

TEST(NumberText, TheLongestNumbersFit) {
  char text[kMaxNumberBytes];
  const auto length = [&](char* end) { return static_cast<std::size_t>(end - text); };
  EXPECT_LE(length(put_i64(text, std::numeric_limits<std::int64_t>::min())), kMaxNumberBytes);
  EXPECT_LE(length(put_double(text, -2.2250738585072014e-308)), kMaxNumberBytes);
  EXPECT_LE(length(put_seconds(text, ~std::uint64_t{0})), kMaxNumberBytes);
}

TEST(NumberText, SecondsHaveThreeDecimals) {
  char text[kMaxNumberBytes];
  EXPECT_EQ(std::string(text, put_seconds(text, 1'700'000'000'007'999'999)), "1700000000.007");
}

}  // namespace
}  // namespace notch::agent
