// Label sets and amounts as applications hand them over, however wrong: what is stored, what is
// dropped, and that each drop is counted under its reason.
#include <cfloat>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

Family<Counter> labelled(std::size_t limit = 0) {
  return counter_family(
      {.name = "test_sets_total", .help = "Sets.", .labels = {"a"}, .series_limit = limit});
}

class LabelSet : public SegmentDirectory {
 protected:
  std::uint64_t overflow_count() const {
    std::uint64_t sum = 0;
    for (const SegmentTotals& segment : segments())
      for (const SeriesTotals& series : segment.series)
        if (series.overflow) sum += series.integers.at(0);
    return sum;
  }
  std::uint64_t drops(shm::DropReason reason) const { return segments().at(0).drops(reason); }
};

TEST_F(LabelSet, PastTheLimitGoesToTheOverflowSeries) {
  expect_quiet_success([] {
    auto family = labelled(3);
    for (int round = 0; round < 2; ++round)
      for (int i = 0; i < 10; ++i) family.with(std::to_string(i)).add();
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(count("test_sets_total", {std::to_string(i)}), 2U);
  EXPECT_EQ(overflow_count(), 14U);
  EXPECT_EQ(drops(shm::DropReason::kCardinality), 14U);
  EXPECT_EQ(segments().at(0).series.size(), 4U);
}

TEST_F(LabelSet, OfTenMegabytesOverflowsAndIsCounted) {
  expect_quiet_success([] {
    auto family = labelled();
    family.with(std::string(10 << 20, 'x')).add(5);
    family.with(std::string(1024, 'y')).add(7);
    family.with(std::string(1025, 'z')).add(11);
    family.with(std::string(1024, '\xff')).add(13);  // three times as long once it is valid
  });
  EXPECT_EQ(count("test_sets_total", {std::string(1024, 'y')}), 7U);
  EXPECT_EQ(overflow_count(), 29U);
  EXPECT_EQ(drops(shm::DropReason::kLabelTooLong), 3U);
}

TEST_F(LabelSet, ThatIsNotUtf8IsStoredValidAndFoundAgain) {
  expect_quiet_success([] {
    auto family = labelled();
    for (int i = 0; i < 3; ++i) family.with("a\xff\xc3z").add();
    family.with("a\xef\xbf\xbd\xef\xbf\xbdz").add(10);
    family.with("\xed\xa0\x80").add(100);  // a surrogate
  });
  EXPECT_EQ(count("test_sets_total", {"a\xef\xbf\xbd\xef\xbf\xbdz"}), 13U);
  EXPECT_EQ(count("test_sets_total", {"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}), 100U);
  EXPECT_EQ(segments().at(0).series.size(), 2U);
}

TEST_F(LabelSet, MayBeEmptyOrHoldZeros) {
  expect_quiet_success([] {
    auto family = labelled();
    family.with("").add(1);
    family.with(std::string_view()).add(2);
    family.with(std::string_view("a\0b", 3)).add(4);
  });
  EXPECT_EQ(count("test_sets_total", {""}), 3U);
  EXPECT_EQ(count("test_sets_total", {std::string("a\0b", 3)}), 4U);
}

TEST_F(LabelSet, OfTheWrongNumberIsANullHandle) {
  expect_quiet_success([] {
    auto family = labelled();
    const std::vector<std::string_view> many(100, "x");
    NOTCH_REQUIRE(!family.with());
    NOTCH_REQUIRE(!family.with("a", "b"));
    NOTCH_REQUIRE(!family.with(many));
    family.with().add(3);
  });
  EXPECT_EQ(drops(shm::DropReason::kWrongLabelCount), 4U);
  EXPECT_EQ(segments().at(0).null_integers.at(0), 3U);
}

TEST_F(LabelSet, OfSixteenLabelsIsWhole) {
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "h",
                                          "i", "j", "k", "l", "m", "n", "o", "p"};
  expect_quiet_success([&] {
    const std::vector<std::string_view> views(names.begin(), names.end());
    auto family = counter_family({.name = "test_wide_total", .help = "Wide.", .labels = views});
    NOTCH_REQUIRE(bool(family));
    family.with(views).add(9);
  });
  EXPECT_EQ(count("test_wide_total", names), 9U);
}

// Each size of value and each of its bytes is told apart, and what is next to a value is not read:
// the values stand in blocks of just their size.
TEST_F(LabelSet, ThatDiffersInOneByteOrOneSizeIsAnother) {
  constexpr std::size_t kSizes = 300;  // past what a look-up keeps at hand
  const auto value_of = [](std::size_t size, char last) {
    std::vector<char> value(size, 'v');
    if (size > 0) value.back() = last;
    return value;
  };
  expect_quiet_success([&] {
    auto family =
        counter_family({.name = "test_pairs_total", .help = "Pairs.", .labels = {"a", "b"}});
    for (int round = 0; round < 2; ++round) {
      for (std::size_t size = 0; size < kSizes; ++size) {
        for (const char last : {'x', 'y'}) {
          const std::vector<char> value = value_of(size, last);
          const std::string_view text(value.data(), size);
          family.with(text, "z").add(size * 2 + (last == 'x' ? 0 : 1));
          family.with("z", text).add(1);
        }
      }
    }
  });
  for (std::size_t size = 1; size < kSizes; ++size) {
    const std::vector<char> x = value_of(size, 'x');
    const std::string text(x.begin(), x.end());
    EXPECT_EQ(count("test_pairs_total", {text, "z"}), size * 4) << size;
    EXPECT_EQ(count("test_pairs_total", {"z", text}), 2U) << size;
  }
  EXPECT_EQ(segments().at(0).series.size(), 4 * kSizes - 2);
}

TEST_F(LabelSet, OfAHistogramOf256Bounds) {
  expect_quiet_success([] {
    auto wide = histogram({.name = "test_wide", .help = "Wide."}, Buckets::linear(1, 1, 256));
    NOTCH_REQUIRE(bool(wide));
    for (int i = 0; i < 1000; ++i) wide.observe(i);
  });
  EXPECT_EQ(observation_total(directory(), "test_wide"), 1000U);
  EXPECT_EQ(segments().at(0).find("test_wide").at(0).integers.at(256), 743U);  // +Inf
}

// --- amounts ---

TEST_F(LabelSet, TakesNoAmountThatIsNotANumberOfItsKind) {
  expect_quiet_success([] {
    auto whole = counter({.name = "test_whole_total", .help = "W."});
    auto real = float_counter({.name = "test_real_total", .help = "R."});
    auto level = gauge({.name = "test_level", .help = "L."});
    auto last = gauge({.name = "test_last", .help = "L."}, GaugeMode::kLast);
    auto classic = histogram({.name = "test_classic", .help = "C."}, Buckets{1});
    auto native = native_histogram({.name = "test_native", .help = "N."});
    level.set(1);
    for (const double wrong : {kNan, kInfinity, -kInfinity}) {
      level.set(wrong);
      last.set(wrong);
      level.add(wrong);
      classic.observe(wrong);
      native.observe(wrong);
    }
    for (const double wrong : {kNan, kInfinity}) real.add(wrong);
    real.add(-kInfinity);
    real.add(-1);
    whole.add(-1);
    whole.add(INT64_MIN);
    const std::uint8_t ids[16] = {};
    whole.add(-5, Exemplar{std::span<const std::uint8_t, 16>(ids),
                           std::span<const std::uint8_t, 8>(ids, 8)});
    level.set(DBL_MAX);
    level.add(DBL_MAX);
  });
  const SegmentTotals segment = segments().at(0);
  EXPECT_EQ(segment.drops(shm::DropReason::kNotFinite), 18U);
  EXPECT_EQ(segment.drops(shm::DropReason::kNegative), 5U);
  EXPECT_EQ(segment.header.exemplar_next, 0U);
  EXPECT_EQ(count("test_whole_total"), 0U);
  EXPECT_EQ(real_total(directory(), "test_real_total"), 0);
  EXPECT_EQ(observation_total(directory(), "test_classic"), 0U);
  EXPECT_EQ(observation_total(directory(), "test_native"), 0U);
  EXPECT_EQ(segment.find("test_level").at(0).gauge(), DBL_MAX);
  EXPECT_EQ(segment.find("test_last").at(0).column0.at(0), 0U) << "never set";
}

// The largest amount that is taken is lost in the rounding of the largest sum there can be.
TEST_F(LabelSet, NoRealCounterReachesInfinity) {
  const double largest = std::nextafter(0x1p970, 0);
  EXPECT_EQ(DBL_MAX + largest, DBL_MAX);
  expect_quiet_success([=] {
    auto real = float_counter({.name = "test_real_total", .help = "R."});
    for (int i = 0; i < 1000; ++i) real.add(largest);
    real.add(0x1p970);
    real.add(DBL_MAX);
  });
  double sum = 0;
  for (int i = 0; i < 1000; ++i) sum += largest;
  EXPECT_EQ(real_total(directory(), "test_real_total"), sum);
  EXPECT_EQ(segments().at(0).drops(shm::DropReason::kNotFinite), 2U);
}

TEST_F(LabelSet, AWrongNumberOfValuesIsSaidOnceIfNotchDebugAsks) {
  const auto give_two = [] {
    auto family = counter_family({.name = "test_sets_total", .help = "S.", .labels = {"n"}});
    for (int i = 0; i < 3; ++i) family.with("1", "2").add();
  };
  EXPECT_EQ(run_child(give_two).output, "");
  EXPECT_EQ(segments().at(0).drops(shm::DropReason::kWrongLabelCount), 3U);
  const Ending loud = run_child([&] {
    setenv("NOTCH_DEBUG", "1", 1);
    give_two();
  });
  const std::string said =
      "notch: test_sets_total: counts nothing for with(): 2 label values given, it has 1\n";
  const std::size_t at = loud.output.find(said);
  ASSERT_NE(at, std::string::npos) << loud.output;
  EXPECT_EQ(loud.output.find(said, at + 1), std::string::npos) << loud.output;
}

TEST_F(LabelSet, TakesEveryFiniteObservation) {
  expect_quiet_success([] {
    auto native = native_histogram({.name = "test_native", .help = "N."});
    for (const double value : {0.0, -0.0, 4.9e-324, DBL_MIN, DBL_MAX, -DBL_MAX, 0x1p-128, 1.0})
      native.observe(value);
  });
  const SeriesTotals native = segments().at(0).find("test_native").at(0);
  EXPECT_EQ(native.integers.at(0), 5U) << "the zero bucket";
  EXPECT_EQ(native.positive, (std::map<std::int32_t, std::uint64_t>{{0, 1}, {8192, 1}}));
  EXPECT_EQ(native.negative, (std::map<std::int32_t, std::uint64_t>{{8192, 1}}));
}

TEST_F(LabelSet, NullHandlesCountInTheFirstThreeCellsAlone) {
  expect_quiet_success([] {
    counter({.name = "test_whole_total", .help = "Attaches."});
    Counter().add(2);
    ++Counter();
    UpDownCounter().add(4);
    FloatCounter().add(0.25);
    Histogram().observe(1);
    NativeHistogram().observe(1);
    Gauge().set(6);
    Gauge().add(1);
    Family<Gauge>().with("x").set(8);
    Family<FloatCounter>().with().add(0.25);
  });
  const SegmentTotals segment = segments().at(0);
  EXPECT_EQ(segment.null_integers.at(0), 9U);
  EXPECT_EQ(segment.null_reals.at(1), 0.5);
  EXPECT_EQ(std::bit_cast<double>(segment.null_column0.at(2) ^ shm::kGaugeMask), 8);
  for (std::size_t cell = 3; cell < shm::kFirstFreeCell; ++cell)
    EXPECT_EQ(segment.null_integers.at(cell), 0U) << cell;
  EXPECT_EQ(count("test_whole_total"), 0U);
}

// --- anything ---

class RandomBytes {
 public:
  explicit RandomBytes(std::uint64_t seed) : random_(seed) {}
  std::string text(std::size_t longest) {
    static constexpr std::string_view kTelling = "ab_z09:\xc3\xa4\xff\0\n\"";
    std::string out(random_() % (longest + 1), ' ');
    const bool wild = random_() % 2 == 0;
    for (char& c : out)
      c = wild ? static_cast<char>(random_()) : kTelling[random_() % kTelling.size()];
    return out;
  }
  std::uint64_t number() { return random_(); }

 private:
  std::mt19937_64 random_;
};

TEST_F(LabelSet, OfRandomBytesNeverCrashes) {
  constexpr std::uint64_t kSeed = 20240612;
  constexpr int kRounds = 100'000;
  expect_quiet_success([] {
    RandomBytes random(kSeed);
    auto known = counter_family(
        {.name = "test_random_total", .help = "R.", .labels = {"a", "b"}, .series_limit = 3000});
    for (int round = 0; round < kRounds; ++round) {
      known.with(random.text(12), random.text(1200 / (1 + random.number() % 64))).add();
      if (round % 4 != 0) continue;
      const std::string name = random.text(20);
      const std::string label = random.text(5);
      Status status;
      auto family = counter_family({.name = round % 8 == 0 ? name + "_total" : name,
                                    .help = random.text(30),
                                    .labels = {label},
                                    .unit = round % 3 == 0 ? name : ""},
                                   &status);
      NOTCH_REQUIRE(bool(family) == status.ok());
      NOTCH_REQUIRE(status.ok() == status.message().empty());
      family.with(random.text(20)).add(0);
    }
  });
  std::uint64_t sum = 0;
  for (const SegmentTotals& segment : segments())
    for (const SeriesTotals& series : segment.series) sum += series.integers.at(0);
  EXPECT_EQ(sum + segments().at(0).null_integers.at(0), std::uint64_t{kRounds});
}

// --- by many threads at once ---

TEST_F(LabelSet, FoundWhileOthersAreMadeIsTheRightOne) {
  constexpr int kThreads = 8;
  constexpr int kSets = 400;
  expect_quiet_success([] {
    auto family = labelled();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
      threads.emplace_back([family, thread] {
        for (int i = 0; i < kSets; ++i) {
          family.with(std::to_string(i)).add();  // all threads race to make it
          family.with(std::to_string((i + thread * 50) % (i + 1))).add();  // made already
          counter({.name = "test_same_total", .help = "Defined by all."}).add();
        }
      });
    for (std::thread& thread : threads) thread.join();
  });
  const SegmentTotals segment = segments().at(0);
  EXPECT_EQ(segment.series.size(), kSets + 1U);
  EXPECT_EQ(count("test_same_total"), std::uint64_t{kThreads * kSets});
  std::uint64_t sum = 0;
  for (int i = 0; i < kSets; ++i) {
    const std::uint64_t counted = count("test_sets_total", {std::to_string(i)});
    EXPECT_GE(counted, std::uint64_t{kThreads}) << i;
    sum += counted;
  }
  EXPECT_EQ(sum, std::uint64_t{2 * kThreads * kSets});
}

}  // namespace
}  // namespace notch::test
