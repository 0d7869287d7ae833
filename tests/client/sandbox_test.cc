// No system call: the kernel itself is the judge. A process that has entered SECCOMP_MODE_STRICT is
// killed at the first call but read, write, exit and sigreturn, and so is one whose filter knows
// only a few.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/seccomp_filter.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

constexpr std::uint64_t kRounds = 1'000'000;
constexpr std::size_t kNewLabels = 500;
constexpr std::array<std::uint8_t, 16> kTrace = {1, 2, 3};
constexpr std::array<std::uint8_t, 8> kSpan = {4, 5, 6};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

struct Instruments {
  Counter whole = counter({.name = "test_whole_total", .help = "Whole."});
  FloatCounter half = float_counter({.name = "test_half_total", .help = "Halves."});
  UpDownCounter up_down = up_down_counter({.name = "test_up_down", .help = "Up and down."});
  Gauge level = gauge({.name = "test_level", .help = "Level."});
  Gauge last = gauge({.name = "test_last", .help = "Last."}, GaugeMode::kLast);
  Histogram classic = histogram({.name = "test_classic", .help = "Classic."}, Buckets{1, 2});
  NativeHistogram native = native_histogram({.name = "test_native", .help = "Native."});
  Family<Counter> labelled = counter_family(
      {.name = "test_labelled_total", .help = "New label sets.", .labels = {"number"}});

  void use(std::uint64_t round) {
    const auto value = static_cast<double>(round % 4);
    whole.add();
    half.add(0.5);
    up_down.add(2);
    up_down.subtract();
    level.set(value);
    classic.observe(value);
    native.observe(value);
    if (round % 100 != 0) return;
    const Exemplar exemplar{kTrace, kSpan};
    last.set(value);
    level.add(1);
    whole.add(1, exemplar);
    classic.observe(value, exemplar);
    native.observe(-value, exemplar);
    Counter().add();               // a null handle
    whole.add(-1);                 // dropped
    classic.observe(0.0 / zero_);  // dropped
  }

 private:
  double zero_ = 0;
};

// "0" to "9999" without an allocation.
std::string_view decimal(std::size_t number, std::array<char, 8>& text) {
  const int length = snprintf(text.data(), text.size(), "%zu", number);
  return {text.data(), static_cast<std::size_t>(length)};
}

class Sandbox : public SegmentDirectory {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer's run time calls the system itself";
#endif
  }
  void expect_all_of(std::uint64_t rounds) {
    const std::uint64_t extra = rounds / 100;
    EXPECT_EQ(count("test_whole_total"), rounds + extra);
    EXPECT_EQ(real_total(directory(), "test_half_total"), 0.5 * double(rounds));
    EXPECT_EQ(count("test_up_down"), rounds);
    EXPECT_EQ(observation_total(directory(), "test_classic"), rounds + extra);
    EXPECT_EQ(observation_total(directory(), "test_native"), rounds + extra);
    const SegmentTotals segment = segments().at(0);
    EXPECT_EQ(segment.null_integers.at(0), extra);
    EXPECT_EQ(segment.drops(shm::DropReason::kNegative), extra);
    EXPECT_EQ(segment.drops(shm::DropReason::kNotFinite), extra);
    EXPECT_EQ(segment.header.exemplar_next, 3 * extra);
  }
};

TEST_F(Sandbox, StrictModeKillsNothingThatCounts) {
  expect_quiet_success([] {
    Instruments mine;
    NOTCH_REQUIRE(seal(kNewLabels));
    NOTCH_REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
    for (std::uint64_t round = 0; round < kRounds; ++round) mine.use(round);
    std::array<char, 8> text{};
    for (std::size_t i = 0; i < kNewLabels; ++i) mine.labelled.with(decimal(i, text)).add();
    syscall(SYS_exit, 0);  // the C library's _exit is exit_group, which is forbidden
  });
  ASSERT_EQ(segments().size(), 1U);
  expect_all_of(kRounds);
  const SegmentTotals segment = segments().at(0);
  for (std::size_t i = 0; i < kNewLabels; ++i)
    ASSERT_EQ(segment.find("test_labelled_total", {std::to_string(i)}).at(0).integers[0], 1U) << i;
  EXPECT_EQ(segment.find("test_level").at(0).gauge(), 3);
}

// Several threads under a filter, and far more label sets than there is room for.
void count_in_threads(Instruments mine, std::atomic<std::uint64_t>& labelled, std::size_t threads) {
  std::atomic<std::size_t> begun{0};
  std::atomic<std::size_t> done{0};
  std::atomic<bool> sealed{false};
  for (std::size_t thread = 0; thread < threads; ++thread) {
    std::thread([&, mine, thread]() mutable {
      ++begun;
      while (!sealed.load()) std::this_thread::yield();
      for (std::uint64_t round = 0; round < kRounds / 10; ++round) mine.use(round);
      std::array<char, 8> text{};
      for (std::size_t i = thread; i < 10'000; i += threads) {
        mine.labelled.with(decimal(i, text)).add();
        labelled.fetch_add(1);
      }
      ++done;
      for (;;) asm volatile("pause");
    }).detach();
  }
  while (begun.load() < threads) std::this_thread::yield();  // a thread's own start makes calls
  NOTCH_REQUIRE(seal(kNewLabels));
  allow_only({SYS_write, SYS_exit, SYS_exit_group, SYS_futex, SYS_rt_sigreturn, SYS_sched_yield});
  sealed = true;
  while (done.load() < threads) asm volatile("pause");
  _exit(0);
}

TEST_F(Sandbox, SealedThreadsGoOnInWhatThereIs) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's run time calls the system itself";
  constexpr std::size_t kThreads = 4;
  const SharedCount labelled;
  expect_quiet_success([&] { count_in_threads(Instruments(), *labelled, kThreads); });
  ASSERT_EQ(segments().size(), 1U);
  const SegmentTotals segment = segments().at(0);
  EXPECT_EQ(count("test_whole_total"), kThreads * (kRounds / 10 + kRounds / 1000));
  std::uint64_t sum = segment.null_integers.at(0) - kThreads * kRounds / 1000;
  std::uint64_t overflow = 0;
  std::size_t own = 0;
  for (const SeriesTotals& series : segment.series) {
    if (series.family != "test_labelled_total") continue;
    sum += series.integers.at(0);
    own += series.overflow ? 0 : 1;
    overflow += series.overflow ? series.integers.at(0) : 0;
  }
  EXPECT_EQ(sum, labelled->load());
  EXPECT_EQ(labelled->load(), 10'000U);
  EXPECT_GE(own, kNewLabels) << "what was reserved";
  EXPECT_GT(overflow + segment.null_integers.at(0), 0U);
  EXPECT_GT(segment.drops(shm::DropReason::kCardinality) + segment.drops(shm::DropReason::kNoCells),
            0U);
}

// A forked child of a sealed process has no segment and may make none: it counts nothing, in peace.
TEST_F(Sandbox, AChildOfASealedProcessMakesNoCall) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's run time calls the system itself";
  expect_quiet_success([] {
    Instruments mine;
    NOTCH_REQUIRE(seal(1));
    const pid_t child = start_child([&] {
      allow_only({SYS_write, SYS_exit_group});
      for (std::uint64_t round = 0; round < 1000; ++round) mine.use(round);
    });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
  });
  EXPECT_EQ(segments().size(), 1U);
}

}  // namespace
}  // namespace notch::test
