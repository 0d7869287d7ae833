// Every instruction of an add, a set and an observe, one by one: with a trap at each, and with a
// fork at each. What a random storm meets once in a million adds is met here each time.
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "client/wiped.h"
#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

#if defined(__x86_64__)

constexpr greg_t kTrapFlag = 0x100;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kMostForks = 100;  // AddressSanitizer's shadow makes a fork slow
#else
constexpr std::uint64_t kMostForks = 1500;  // of one operation
#endif
// A child of a bare clone may come out of a section, not out of the library's own calls (they hold
// an address for a few instructions): so only the time before the section gives up is stepped.
constexpr std::uint64_t kMostClones = kMostForks / 5;

// Who forks at a trap: nobody, fork(), or a bare clone, which runs no atfork handler.
enum class Way { kNoFork, kFork, kRawClone };

struct StepCounts {
  std::atomic<std::uint64_t> traps, children;
};

// Private: a child's mark must not be seen by its parent.
struct Stepper {
  Way way;
  StepCounts* counts;
  bool in_child;
};

Stepper stepper{};

void on_trap(int, siginfo_t*, void* context) {
  auto& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
  const std::uint64_t trap = stepper.counts->traps.fetch_add(1);
  if (stepper.way == Way::kNoFork || trap > (stepper.way == Way::kFork ? kMostForks : kMostClones))
    return;
  const pid_t child = stepper.way == Way::kFork
                          ? fork()
                          : static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) {
    stepper.in_child = true;
    flags &= ~kTrapFlag;
    return;
  }
  int status = 0;
  waitpid(child, &status, 0);
  NOTCH_REQUIRE(status == 0);
  stepper.counts->children.fetch_add(1);
}

[[gnu::noinline]] void trace(bool on) {
  if (on) {
    asm volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
  } else {
    asm volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
  }
}

// Runs `operation` with a trap behind each instruction. A child of a trap runs it to its end, then
// `after`, and exits.
template <class Operation, class After>
void step_through(StepCounts& counts, Way way, Operation operation, After after) {
  struct sigaction action {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
  stepper = {way, &counts, false};
  counts.traps = 0;
  trace(true);
  operation();
  trace(false);
  if (!stepper.in_child) return;
  after();
  _exit(0);
}

template <class Operation>
void step_through(StepCounts& counts, Way way, Operation operation) {
  step_through(counts, way, operation, [] {});
}

class SingleStep : public SegmentDirectory {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer holds signals back until the next call";
#endif
  }
};

// The kernel restarts a section that a signal interrupts, so stepping would never leave it.
TEST_F(SingleStep, AnAddThatIsAlwaysRestartedEnds) {
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    auto total = counter({.name = "test_steps_total", .help = "Steps."});
    auto half = float_counter({.name = "test_half_total", .help = "Halves."});
    total.add();
    step_through(*of, Way::kNoFork, [&] { total.add(); });
    step_through(*of, Way::kNoFork, [&] { half.add(0.5); });
  });
  EXPECT_GT(of->traps.load(), 5U);
  EXPECT_EQ(count("test_steps_total"), 2U);
  EXPECT_EQ(real_total(directory(), "test_half_total"), 0.5);
}

// One operation, forked at each instruction: each child finishes it in its own segment or had done
// so in its parent's, so over all segments it is counted once by the parent and at most once by
// each child.
class ForkAtEachInstruction : public SingleStep, public ::testing::WithParamInterface<int> {
 protected:
  static Way way() { return GetParam() == 0 ? Way::kFork : Way::kRawClone; }
};

INSTANTIATE_TEST_SUITE_P(Ways, ForkAtEachInstruction, ::testing::Values(0, 1), [](const auto& way) {
  return std::string(way.param == 0 ? "Fork" : "RawClone");
});

TEST_P(ForkAtEachInstruction, OfAnAdd) {
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    auto total = counter({.name = "test_steps_total", .help = "Steps."});
    total.add();
    step_through(*of, way(), [&] { total.add(); });
  });
  EXPECT_GT(of->children.load(), 5U);
  int parents = 0;
  for (const SegmentTotals& segment : segments()) {
    const std::uint64_t counted = segment.find("test_steps_total").at(0).integers[0];
    parents += counted == 2 ? 1 : 0;
    EXPECT_LE(counted, 2U);
  }
  EXPECT_EQ(parents, 1);
}

TEST_P(ForkAtEachInstruction, OfASet) {
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    auto level = gauge({.name = "test_level", .help = "Level."});
    auto last = gauge({.name = "test_last", .help = "Last."}, GaugeMode::kLast);
    level.set(1);
    step_through(*of, way(), [&] { level.set(2); });
    if (way() == Way::kRawClone) return;
    step_through(*of, way(), [&] { last.set(2); });
    step_through(*of, way(), [&] { level.add(2); });
  });
  EXPECT_GT(of->children.load(), 5U);
}

TEST_P(ForkAtEachInstruction, OfAnObserve) {
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    auto classic = histogram({.name = "test_classic", .help = "C."}, Buckets{1, 2});
    auto native = native_histogram({.name = "test_native", .help = "N."});
    classic.observe(1);
    native.observe(1);
    step_through(*of, way(), [&] { classic.observe(2); });
    step_through(*of, way(), [&] { native.observe(1); });
  });
  EXPECT_GT(of->children.load(), 5U);
}

// On a processor where the process has not run yet, where an add makes a column: a child that is
// forked amid that has no column of its parent's, and loses nothing of what it counts from then on.
TEST_P(ForkAtEachInstruction, OfAColumnsBirth) {
  constexpr std::uint64_t kAfter = 100;
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "one processor";
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    std::size_t cpu = 0;
    const auto move_on = [&] {
      while (!CPU_ISSET(cpu, &allowed)) ++cpu;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu++, &one);
      NOTCH_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    };
    move_on();
    auto total = counter({.name = "test_steps_total", .help = "Steps."});
    total.add();
    move_on();
    step_through(
        *of, way(), [&] { total.add(); },
        [&] {
          for (std::uint64_t i = 0; i < kAfter; ++i) total.add();
        });
  });
  EXPECT_GT(of->children.load(), 5U);
  std::uint64_t children = 0;
  for (const SegmentTotals& segment : segments()) {
    const std::uint64_t counted = segment.find("test_steps_total").at(0).integers[0];
    if (counted == 2) continue;
    EXPECT_GE(counted, kAfter);
    EXPECT_LE(counted, kAfter + 1);
    ++children;
  }
  EXPECT_EQ(children, of->children.load());
}

// Of a definition for which cells, or the catalogue, have to grow: of a thousand, those few.
TEST_P(ForkAtEachInstruction, OfADefinition) {
  if (way() == Way::kRawClone)
    GTEST_SKIP() << "a bare clone may not come out of the library's own calls";
  constexpr std::size_t kSeries = 1000;
  const auto name_of = [](std::size_t series) {
    return std::string(40, 'n') + std::to_string(series);
  };
  const Shared<std::array<bool, kSeries>> grow;
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    auto family = counter_family(
        {.name = "test_many_total", .help = "M.", .labels = {"by"}, .series_limit = kSeries});
    family.with(name_of(0)).add();
    const shm::Segment& segment = *client::attached_segment();
    const auto committed = [&] { return segment.cells_committed + segment.catalogue_committed; };
    for (std::size_t i = 1; i < kSeries; ++i) {
      const std::uint64_t before = committed();
      family.with(name_of(i)).add();
      (*grow)[i] = committed() != before;
    }
  });
  EXPECT_GT(std::ranges::count(*grow, true), 2);
  expect_quiet_success([&] {
    auto total = counter({.name = "test_steps_total", .help = "Steps."});
    auto family = counter_family(
        {.name = "test_many_total", .help = "M.", .labels = {"by"}, .series_limit = kSeries});
    for (std::size_t i = 0; i < kSeries; ++i) {
      const std::string name = name_of(i);
      const auto define = [&] { family.with(name).add(); };
      if (!(*grow)[i]) {
        define();
        continue;
      }
      step_through(*of, way(), define, [&] { total.add(); });
    }
  });
  EXPECT_GT(of->children.load(), 5U);
}

// A handler that asks for a new series at every instruction of its thread's doing the same: it is
// refused, or gets one, and never waits for the thread it interrupts.
TEST_F(SingleStep, ARegistrationInAHandlerNeverWaitsForItsOwnThread) {
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    static auto family = counter_family(
        {.name = "test_nested_total", .help = "N.", .labels = {"by"}, .series_limit = 50'000});
    struct sigaction action {};
    static std::atomic<std::uint64_t>& traps = of->traps;
    action.sa_handler = [](int) {
      const std::uint64_t number = traps.fetch_add(1);
      family.with(std::string_view(reinterpret_cast<const char*>(&number), 2)).add();
    };
    sigaction(SIGTRAP, &action, nullptr);
    trace(true);
    family.with("main").add();
    trace(false);
  });
  EXPECT_GT(of->traps.load(), 100U);
  const auto all = segments();
  ASSERT_EQ(all.size(), 1U);
  std::uint64_t counted = all[0].null_integers.at(0);
  for (const SeriesTotals& series : all[0].series) counted += series.integers.at(0);
  EXPECT_EQ(counted, of->traps.load() + 1);
  EXPECT_GT(all[0].drops(shm::DropReason::kReentered), 0U);
}

// A handler that observes at every instruction, from where its thread holds the lock on, in the run
// of buckets that the thread is making and in three that nobody has made. None is lost, none
// counted twice.
TEST_F(SingleStep, AnObservationInAHandlerIsNeverLost) {
  const Shared<StepCounts> of;
  static constexpr double kValues[] = {1, 1e3, 1e6, -1e3};
  expect_quiet_success([&] {
    static auto native = native_histogram({.name = "test_native", .help = "N."});
    static auto family = counter_family(
        {.name = "test_nested_total", .help = "N.", .labels = {"by"}, .series_limit = 50'000});
    struct sigaction action {};
    static std::atomic<std::uint64_t>& traps = of->traps;
    static std::uint64_t before = 0;
    static bool is_held = false;
    action.sa_handler = [](int) {
      // A new label set is refused when this thread is in the middle of the like.
      is_held = is_held || !family.with(std::to_string(before++));
      if (is_held) native.observe(kValues[traps.fetch_add(1) % 4]);
    };
    sigaction(SIGTRAP, &action, nullptr);
    trace(true);
    native.observe(1);
    trace(false);
  });
  const std::uint64_t traps = of->traps.load();
  EXPECT_GT(traps, 100U);
  const auto all = segments();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].drops(shm::DropReason::kReentered), 1U) << "the label set";
  const SeriesTotals series = all[0].find("test_native").at(0);
  EXPECT_EQ(series.observations(), traps + 1);
  double sum = 1;
  for (std::uint64_t trap = 0; trap < traps; ++trap) sum += kValues[trap % 4];
  EXPECT_EQ(series.sum(), sum);
  ASSERT_EQ(series.positive.size(), 3U);
  ASSERT_EQ(series.negative.size(), 1U);
  EXPECT_EQ(series.positive.begin()->second, 1 + (traps + 3) / 4);
  EXPECT_EQ(series.negative.begin()->second, traps / 4);
}

// More runs at once than there are cells to wait in: what finds none is counted as dropped.
TEST_F(SingleStep, ObservationsInAHandlerThatAreLostAreCounted) {
  const Shared<StepCounts> of;
  expect_quiet_success([&] {
    static auto native = native_histogram({.name = "test_native", .help = "N."}, {.schema = 8});
    struct sigaction action {};
    static std::atomic<std::uint64_t>& traps = of->traps;
    action.sa_handler = [](int) {
      native.observe(std::ldexp(1.0, static_cast<int>(traps.fetch_add(1) % 900)));
    };
    sigaction(SIGTRAP, &action, nullptr);
    trace(true);
    native.observe(1e3);
    trace(false);
  });
  const auto all = segments();
  ASSERT_EQ(all.size(), 1U);
  const std::uint64_t lost = all[0].drops(shm::DropReason::kReentered);
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(all[0].find("test_native").at(0).observations() + lost, of->traps.load() + 1);
}

#else

TEST(SingleStep, NeedsTheTrapFlag) {
  GTEST_SKIP() << "single-stepping is written for x86-64";
}

#endif

}  // namespace
}  // namespace notch::test
