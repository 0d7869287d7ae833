// Forks: parent and child both count, nothing twice, whichever way the child is made and whatever
// the parent's threads are doing.
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "notch/registry.h"
#include "tests/client/segment_directory.h"

extern char** environ;

namespace notch::test {
namespace {

constexpr const char* kProgram = NOTCH_BINARY_DIR "/tests/counting_program";

pid_t raw_clone() {
  return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

Counter test_counter() {
  return counter({.name = "test_forks_total", .help = "Counted on both sides of a fork."});
}

class Fork : public SegmentDirectory {};

TEST_F(Fork, ParentAndChildBothCountAndNothingTwice) {
  expect_quiet_success([] {
    auto total = test_counter();
    total.add(1000);
    const pid_t child = start_child([&] { total.add(10); });
    total.add(100);
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    total.add(1);
  });
  ASSERT_EQ(segments().size(), 2U);
  EXPECT_NE(segments()[0].header.pid, segments()[1].header.pid);
  EXPECT_EQ(count("test_forks_total"), 1111U);
}

TEST_F(Fork, ARawCloneCountsInASegmentOfItsOwn) {
  expect_quiet_success([] {
    auto total = test_counter();
    auto level = gauge({.name = "test_level", .help = "Level."});
    total.add(1000);
    const pid_t child = raw_clone();
    if (child == 0) {
      total.add(10);
      level.set(1);
      _exit(0);
    }
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    total.add(100);
  });
  EXPECT_EQ(segments().size(), 2U);
  EXPECT_EQ(count("test_forks_total"), 1110U);
}

TEST_F(Fork, GrandchildrenCountToo) {
  constexpr std::uint64_t kDepth = 5;
  expect_quiet_success([] {
    auto total = test_counter();
    for (std::uint64_t depth = 1, amount = 1; depth < kDepth; ++depth, amount *= 10) {
      total.add(amount);
      const pid_t child = fork();
      if (child != 0) _exit(wait_for(child) == "exit 0" ? 0 : 1);
    }
    total.add(10'000);
  });
  EXPECT_EQ(segments().size(), kDepth);
  EXPECT_EQ(count("test_forks_total"), 11'111U);
}

// What was dropped before there was a segment to say so belongs to the parent alone.
TEST_F(Fork, EarlyDropsAreNotInherited) {
  expect_quiet_success([] {
    Counter().add(-1);
    const pid_t child = start_child([] { test_counter().add(1); });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    test_counter().add(1);
  });
  std::uint64_t drops = 0;
  for (const SegmentTotals& segment : segments())
    drops += segment.drops(shm::DropReason::kNegative);
  EXPECT_EQ(drops, 1U);
}

TEST_F(Fork, AnAddBetweenVforkAndExecDoesNoHarm) {
  expect_quiet_success([] {
    auto total = test_counter();
    total.add(1000);
    for (int round = 0; round < 100; ++round) {
      const pid_t child = vfork();
      if (child == 0) {
        total.add(1);  // in the parent's segment: the memory is shared
        if (round % 2 == 0) execl(kProgram, kProgram, "7", static_cast<char*>(nullptr));
        _exit(0);
      }
      NOTCH_REQUIRE(wait_for(child) == "exit 0");
    }
    total.add(1000);
  });
  EXPECT_EQ(count("test_forks_total"), 2100U);
  EXPECT_EQ(count("test_program_total"), 50U * 7);
}

TEST_F(Fork, ASpawnedProgramCountsByItself) {
  expect_quiet_success([] {
    auto total = test_counter();
    total.add(5);
    std::string name = kProgram;
    std::string amount = "42";
    char* arguments[] = {name.data(), amount.data(), nullptr};
    pid_t child = 0;
    NOTCH_REQUIRE(posix_spawn(&child, kProgram, nullptr, nullptr, arguments, environ) == 0);
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    total.add(5);
  });
  EXPECT_EQ(segments().size(), 2U);
  EXPECT_EQ(count("test_forks_total"), 10U);
  EXPECT_EQ(count("test_program_total"), 42U);
}

TEST_F(Fork, AChildThatExecsAtOnceMakesNoSegment) {
  expect_quiet_success([] {
    test_counter().add(1);
    const pid_t child =
        start_child([] { execl("/bin/true", "true", static_cast<char*>(nullptr)); });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
  });
  EXPECT_EQ(segments().size(), 1U);
}

TEST_F(Fork, ExecEndsTheSegmentAndTheNewProgramBeginsItsOwn) {
  expect_quiet_success([] {
    test_counter().add(3);
    execl(kProgram, kProgram, "4", static_cast<char*>(nullptr));
  });
  ASSERT_EQ(segments().size(), 2U);
  EXPECT_EQ(segments()[0].header.pid, segments()[1].header.pid);
  EXPECT_EQ(count("test_forks_total"), 3U);
  EXPECT_EQ(count("test_program_total"), 4U);
}

// --- forks in the middle of things ---

struct RegistrationTruth {
  std::atomic<bool> stop;
  std::atomic<int> due;  // how many series each thread may have: two more with each fork
  std::atomic<std::uint64_t> adds;
  std::atomic<std::uint64_t> of_own_label;
};

void register_and_count(Family<Counter> family, RegistrationTruth& truth, int thread) {
  for (int number = 0; !truth.stop.load();) {
    family.with(std::to_string(thread), std::to_string(number)).add();
    truth.adds.fetch_add(1);
    if (number + 1 < truth.due.load()) ++number;
  }
}

// In a child of a multi-threaded process: nothing that allocates.
void count_in_child(Family<Counter> family, Counter inherited, RegistrationTruth& truth) {
  inherited.add();
  family.with(std::string_view("child"), std::string_view("own")).add();
  truth.adds.fetch_add(2);
  truth.of_own_label.fetch_add(1);
  _exit(0);
}

std::uint64_t total_of_all_series(const std::vector<SegmentTotals>& segments) {
  std::uint64_t sum = 0;
  for (const SegmentTotals& segment : segments)
    for (const SeriesTotals& series : segment.series) sum += series.integers.at(0);
  return sum;
}

void fork_while_threads_register(RegistrationTruth& truth) {
  constexpr int kForks = 150;
  auto family = counter_family({.name = "test_busy_total",
                                .help = "Registered while forking.",
                                .labels = {"thread", "number"},
                                .series_limit = 100'000});
  auto inherited = family.with("main", "inherited");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&truth, family, i] { register_and_count(family, truth, i); });
  for (int i = 0; i < kForks; ++i) {
    truth.due.fetch_add(2);
    const pid_t child = i % 2 == 0 ? fork() : raw_clone();
    if (child == 0) count_in_child(family, inherited, truth);
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
  }
  truth.stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Fork, AChildForkedAmidRegistrationsSeesAWholeRegistry) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer thinks that the parent's threads go on in the child";
#endif
  const Shared<RegistrationTruth> truth;
  expect_quiet_success([&] { fork_while_threads_register(*truth); });
  const auto all = segments();  // read_segment() judges each catalogue
  EXPECT_EQ(all.size(), 151U);
  RecordProperty("children", std::to_string(all.size() - 1));
  EXPECT_EQ(total_of_all_series(all), truth->adds.load());
  std::uint64_t of_own_label = 0;
  for (const SegmentTotals& segment : all)
    for (const SeriesTotals& series : segment.find("test_busy_total", {"child", "own"}))
      of_own_label += series.integers.at(0);
  EXPECT_EQ(of_own_label, truth->of_own_label.load());
}

// --- forks in a signal handler ---

struct HandlerTruth {
  std::atomic<std::uint64_t> adds, observations, forks, children;
};

struct Interrupted {
  Counter adds = test_counter();
  Gauge level = gauge({.name = "test_level", .help = "Level."});
  Histogram seconds = histogram({.name = "test_seconds", .help = "S."}, Buckets{0.5, 1, 2});
};

Interrupted* interrupted = nullptr;
HandlerTruth* handler_truth = nullptr;
volatile sig_atomic_t rounds_left = 0;  // of a child
volatile sig_atomic_t armed = 0;

void fork_in_handler(int) {
  armed = 0;
  if (rounds_left > 0) return;
  const bool raw = handler_truth->forks.fetch_add(1) % 2 == 0;
  const pid_t child = raw ? raw_clone() : fork();
  if (child == 0) {
    rounds_left = 5;
    handler_truth->children.fetch_add(1);
  }
  interrupted->adds.add();
  handler_truth->adds.fetch_add(1);
}

void count_while_forked_at(HandlerTruth& truth, std::uint64_t forks) {
  Interrupted mine;
  interrupted = &mine;
  handler_truth = &truth;
  struct sigaction action {};
  action.sa_handler = fork_in_handler;
  sigaction(SIGALRM, &action, nullptr);
  signal(SIGCHLD, SIG_IGN);
  const itimerval once{{0, 0}, {0, 150}};
  while (truth.forks.load() < forks || rounds_left > 0) {
    if (armed == 0) {
      armed = 1;  // not periodic: a slow fork would leave no time in between
      setitimer(ITIMER_REAL, &once, nullptr);
    }
    mine.adds.add();
    mine.level.set(2);
    mine.seconds.observe(1);
    truth.adds.fetch_add(1);
    truth.observations.fetch_add(1);
    if (rounds_left == 1) _exit(0);
    if (rounds_left > 1) rounds_left = rounds_left - 1;
  }
}

// The truth is counted behind the add: a fork between the two would make the child count the truth
// of an add its parent made. So the parent's own share is exact only where the handler tells both
// apart; here each side's surplus is at most one an interruption, and a lost or a doubled segment
// would be hundreds.
TEST_F(Fork, AForkInASignalHandlerHarmsNoAddAndNoSet) {
  const Shared<HandlerTruth> truth;
  constexpr std::uint64_t kForks = 400;
  expect_quiet_success([&] { count_while_forked_at(*truth, kForks); });
  ASSERT_TRUE(eventually([&] {
    for (const SegmentTotals& segment : segments())
      if (!is_lock_free(segment.path)) return false;
    return true;
  }));
  EXPECT_EQ(segments().size(), truth->children.load() + 1) << "a child died before its end";
  RecordProperty("children", std::to_string(truth->children.load()));
  const auto total = static_cast<double>(count("test_forks_total"));
  const auto observed = static_cast<double>(observation_total(directory(), "test_seconds"));
  EXPECT_NEAR(total, double(truth->adds.load()), double(kForks + 1));
  EXPECT_NEAR(observed, double(truth->observations.load()), double(kForks + 1));
}

// A child makes its segment at its first add, and handlers that add meanwhile lose nothing.
TEST_F(Fork, HandlersCountWhileAChildMakesItsSegment) {
  const Shared<HandlerTruth> truth;
  handler_truth = &*truth;
  expect_quiet_success([] {
    static Interrupted mine;
    interrupted = &mine;
    for (int i = 0; i < 100; ++i) {
      const pid_t child = start_child([] {
        signal(SIGALRM, [](int) {
          interrupted->adds.add();
          handler_truth->adds.fetch_add(1);
        });
        const itimerval period{{0, 20}, {0, 20}};
        setitimer(ITIMER_REAL, &period, nullptr);
        mine.adds.add();
        handler_truth->adds.fetch_add(1);
        signal(SIGALRM, SIG_IGN);
      });
      NOTCH_REQUIRE(wait_for(child) == "exit 0");
    }
  });
  EXPECT_GT(truth->adds.load(), 110U);
  EXPECT_EQ(count("test_forks_total"), truth->adds.load());
}

}  // namespace
}  // namespace notch::test
