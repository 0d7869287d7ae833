// The bucket look-ups against their plain definitions, at, next to and between every bound.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "client/bucket_tables.h"
#include "client/octave_bounds.h"
#include "client/private_memory.h"
#include "notch/buckets.h"
#include "notch/timer.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kRoom = std::uint64_t{1} << 28;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double below(double value) {
  return std::nextafter(value, -kInfinity);
}
double above(double value) {
  return std::nextafter(value, kInfinity);
}

// Room for tables, for as long as the test program runs.
std::byte* zeroed(std::uint64_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

class BucketLookup : public ::testing::Test {
 protected:
  BucketLookup() { memory_.start(zeroed(kRoom), kRoom); }

  void expect_plain_definition(std::vector<double> bounds) {
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    const BucketTable* const table = make_bucket_table(bounds, memory_);
    ASSERT_NE(table, nullptr);
    std::vector<double> values{0.0, -0.0, DBL_MAX, -DBL_MAX, DBL_MIN, 4.9e-324, -4.9e-324, 1, -1};
    for (const double bound : bounds)
      values.insert(values.end(), {bound, below(bound), above(bound)});
    for (int i = 0; i < 200; ++i) values.push_back(any_double());
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      const auto wanted = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
      ASSERT_EQ(table->search(value), std::uint64_t(wanted)) << std::hexfloat << value;
      const auto bits = std::bit_cast<std::uint64_t>(value);
      const std::uint64_t slot = table->slot(bits);
      if (slot >= table->slot_count) continue;
      ASSERT_EQ(table->bucket_in_slot(slot, bits), std::uint64_t(wanted)) << std::hexfloat << value;
    }
  }

  double any_double() {
    for (;;) {
      const double value = std::bit_cast<double>(random_());
      if (std::isfinite(value)) return value;
    }
  }
  double around_one() { return std::ldexp(1.0 + uniform_(random_), int(random_() % 20) - 10); }

  std::mt19937_64 random_{20240611};
  std::uniform_real_distribution<double> uniform_{0, 1};
  PrivateMemory memory_;
};

TEST_F(BucketLookup, OfBoundsOfManyShapes) {
  for (const auto& bounds : std::vector<std::vector<double>>{
           {0.0},
           {-0.0},
           {1},
           {-1},
           {DBL_MAX},
           {-DBL_MAX},
           {4.9e-324},
           {-4.9e-324, 0, 4.9e-324},
           {-0.0, 1},
           {1, above(1), above(above(1))},
           {below(2), 2, above(2)},
           {DBL_MIN, below(DBL_MIN)},
           {-5, -1, 0, 1, 5},
           {0, 4.9e-324, 1},
           {0, 5, 10, 25, 50},
           {-2, -1},
           {-DBL_MAX, DBL_MAX},
           {1e-300, 1, 1e300},
           {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}})
    expect_plain_definition(bounds);
}

TEST_F(BucketLookup, NeedsNoSearchForTheUsualBounds) {
  for (const Buckets& usual :
       {Buckets::latency_seconds(), Buckets::linear(1, 1, 100), Buckets::exponential(1, 2, 64),
        Buckets{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}}) {
    const std::vector<double> bounds(usual.bounds().begin(), usual.bounds().end());
    const BucketTable* const table = make_bucket_table(bounds, memory_);
    ASSERT_NE(table, nullptr);
    for (const double value : {0.0, 4.9e-324, bounds[0], bounds[1], bounds.back()})
      EXPECT_LT(table->slot(std::bit_cast<std::uint64_t>(value)), table->slot_count) << value;
    for (const double value : {-1.0, -0.0, DBL_MAX, kInfinity, -kInfinity, kInfinity - kInfinity})
      EXPECT_GE(table->slot(std::bit_cast<std::uint64_t>(value)), table->slot_count) << value;
  }
}

TEST_F(BucketLookup, OfRandomBounds) {
  for (int round = 0; round < 300; ++round) {
    std::vector<double> wild;
    std::vector<double> tame;
    std::vector<double> adjacent{around_one()};
    const std::size_t count = 1 + random_() % 256;
    for (std::size_t i = 0; i < count; ++i) {
      wild.push_back(any_double());
      tame.push_back(around_one() * (random_() % 4 == 0 ? -1 : 1));
      adjacent.push_back(above(adjacent.back()));
    }
    adjacent.resize(std::min<std::size_t>(adjacent.size(), 256));
    expect_plain_definition(wild);
    expect_plain_definition(tame);
    expect_plain_definition(adjacent);
  }
}

// 2^(index / 2^schema) as a double, the bounds of Prometheus: the octave's bound to the nearest
// double, times a power of two.
double native_bound(std::int32_t index, int schema) {
  const std::int64_t steps =
      schema >= 0 ? std::int64_t{index} << (8 - schema) : std::int64_t{index} << (8 - schema);
  const auto octave = static_cast<int>(steps >> 8);
  const auto step = static_cast<std::size_t>(steps & 255);
  return std::ldexp(std::bit_cast<double>(0x3ff0000000000000U | kOctaveBounds[step]), octave);
}

TEST(OctaveBounds, AreTheNearestDoubles) {
  for (int i = 0; i < 256; ++i) {
    const auto bound = std::bit_cast<double>(0x3ff0000000000000U | kOctaveBounds[i]);
    const long double exact = std::exp2l(static_cast<long double>(i) / 256);
    // exp2l itself errs in its last bits; where it is not between two doubles it must agree.
    EXPECT_LE(std::fabs(static_cast<long double>(bound) - exact), 0x1p-53L * 1.001L) << i;
  }
}

class NativeLookup : public ::testing::TestWithParam<int> {
 protected:
  NativeLookup() {
    memory_.start(zeroed(kRoom), kRoom);
    table_ = make_native_table(GetParam(), 0x1p-1000, memory_);
  }
  std::int32_t index(double value) const {
    return table_->index(NativeTable::unsigned_bits(value));
  }
  // By NA1: the one bucket whose bounds enclose the value.
  void expect_enclosed(double value) {
    const std::int32_t index = this->index(value);
    const double magnitude = std::fabs(value);
    EXPECT_GT(magnitude, native_bound(index - 1, GetParam())) << std::hexfloat << value;
    EXPECT_LE(magnitude, native_bound(index, GetParam())) << std::hexfloat << value;
    const std::int32_t chunk = (index >> 5) - table_->first_chunk;
    EXPECT_GE(chunk, 0) << value;
    EXPECT_LT(chunk, std::int32_t(table_->chunk_count)) << value;
  }

  PrivateMemory memory_;
  NativeTable* table_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Schemas, NativeLookup, ::testing::Range(-4, 9));

TEST_P(NativeLookup, EnclosesEveryValueAtAndNextToEveryBound) {
  ASSERT_NE(table_, nullptr);
  const std::int32_t first = index(0x1p-999);
  const std::int32_t last = index(DBL_MAX);
  const std::int32_t stride = GetParam() > 5 ? 7 : 1;  // odd: every place in the octave comes up
  for (std::int32_t index = first; index < last; index += stride) {
    const double bound = native_bound(index, GetParam());
    for (const double value : {below(bound), bound, above(bound), -bound, -above(bound)})
      if (std::fabs(value) > 0x1p-1000 && std::isfinite(value)) expect_enclosed(value);
  }
  expect_enclosed(1.0);
  EXPECT_EQ(index(1.0), 0);
  EXPECT_EQ(index(above(1.0)), 1);
}

TEST_P(NativeLookup, EnclosesTheLargestAndTheSmallest) {
  // The top bucket's bound is past the largest double.
  EXPECT_GT(DBL_MAX, native_bound(index(DBL_MAX) - 1, GetParam()));
  EXPECT_EQ(index(DBL_MAX), index(-DBL_MAX));
  expect_enclosed(above(0x1p-1000));
}

TEST_P(NativeLookup, EnclosesRandomValues) {
  std::mt19937_64 random{7};
  for (int i = 0; i < 20'000; ++i)
    expect_enclosed(std::ldexp(1.0 + double(random() >> 12) * 0x1p-52, int(random() % 2000) - 999));
}

TEST(BucketBuilders, MakeWhatTheySay) {
  const auto list = [](const Buckets& buckets) {
    return std::vector<double>(buckets.bounds().begin(), buckets.bounds().end());
  };
  EXPECT_EQ(list(Buckets::linear(-1, 0.5, 4)), (std::vector<double>{-1, -0.5, 0, 0.5}));
  EXPECT_EQ(list(Buckets::exponential(0.5, 4, 4)), (std::vector<double>{0.5, 2, 8, 32}));
  EXPECT_EQ(list(Buckets{3, 4}), (std::vector<double>{3, 4}));
  EXPECT_EQ(list(Buckets::linear(1, 1, 0)), std::vector<double>{});
  const double own[] = {1, 2, 3};
  EXPECT_EQ(list(Buckets(std::span<const double>(own))), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(Buckets::latency_seconds().bounds().size(), 14U);
}

struct Observed {
  std::vector<double>* values;
  void observe(double value) { values->push_back(value); }
};

TEST(TimerOfAScope, ObservesOnce) {
  std::vector<double> values;
  { const Timer<Observed> timer{Observed{&values}}; }
  EXPECT_EQ(values.size(), 1U);
  {
    Timer<Observed> timer{Observed{&values}};
    const double seconds = timer.stop();
    EXPECT_GE(seconds, values.back());
    timer.stop();
  }
  EXPECT_EQ(values.size(), 2U);
  EXPECT_GE(values.back(), 0);
}

TEST(TimerOfAScope, ObservesNothingOnceCancelled) {
  std::vector<double> values;
  {
    Timer<Observed> timer{Observed{&values}};
    timer.cancel();
  }
  EXPECT_TRUE(values.empty());
}

}  // namespace
}  // namespace notch::client
