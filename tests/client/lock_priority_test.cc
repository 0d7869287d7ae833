// A real-time thread (SCHED_FIFO) that wants the registry's lock while a thread of lower priority
// on the same processor holds it. Where it only spun or yielded, the holder never ran again, but
// for what the kernel keeps for others (a twentieth of each second, on some nothing).
//
// The holder is stopped within the lock by a signal handler: a new label set that a handler is
// refused tells that the thread it interrupted holds the lock.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <string_view>
#include <thread>

#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/segment_directory.h"
#include "tests/client/thread_timer.h"

namespace notch::test {
namespace {

constexpr std::size_t kLabelSets = 200'000;

// What the threads of one child know of each other.
struct Meeting {
  std::atomic<bool> holder_is_inside, waiter_has_begun, holder_may_go;
};
Meeting meeting;
std::atomic<const Family<Counter>*> family;

Counter with_number(std::size_t number) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return family.load()->with(std::string_view(text.data(), end));
}

// In the holder's thread. It waits as a blocked thread would, not as a running one.
void stop_if_inside(int) {
  static std::size_t number = 2 * kLabelSets;
  if (meeting.holder_is_inside || with_number(++number)) return;
  meeting.holder_is_inside = true;
  while (!meeting.holder_may_go) {
    const timespec moment{0, 200'000};
    nanosleep(&moment, nullptr);
  }
}

void run_on_first_processor() {
  cpu_set_t allowed;
  NOTCH_REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  std::size_t first = 0;
  while (!CPU_ISSET(first, &allowed)) ++first;
  CPU_ZERO(&allowed);
  CPU_SET(first, &allowed);
  NOTCH_REQUIRE(sched_setaffinity(0, sizeof allowed, &allowed) == 0);
}

void make_real_time() {
  const sched_param priority{1};
  NOTCH_REQUIRE(pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0);
}

std::uint64_t own_cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(used.tv_nsec);
}

void hold_the_lock() {
  signal(SIGRTMIN, stop_if_inside);
  const ThreadTimer timer;
  for (std::size_t i = 0; !meeting.holder_is_inside && i < kLabelSets; ++i) with_number(i);
  NOTCH_REQUIRE(meeting.holder_is_inside);
}

// Makes a label set of its own while the holder is inside; says whether it got one, and what of a
// processor it took.
struct Outcome {
  bool got = false;
  std::uint64_t cpu_ns = 0;
};
Outcome want_the_lock() {
  while (!meeting.holder_is_inside) std::this_thread::yield();
  make_real_time();
  meeting.waiter_has_begun = true;
  const std::uint64_t before = own_cpu_ns();
  Outcome outcome;
  outcome.got = static_cast<bool>(with_number(kLabelSets));
  outcome.cpu_ns = own_cpu_ns() - before;
  return outcome;
}

class LockPriority : public SegmentDirectory {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "its run time delivers no signal amid a call of ours";
#endif
    const sched_param priority{1};
    sched_param before{};
    if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
      GTEST_SKIP() << "no right to real-time priorities (CAP_SYS_NICE)";
    ASSERT_EQ(sched_setscheduler(0, SCHED_OTHER, &before), 0);
  }

  // A child with a family; its first thread is the only one, and bound to a processor.
  static Family<Counter> prepare_child() {
    run_on_first_processor();
    return counter_family(
        {.name = "test_labelled_total", .help = "Label sets.", .labels = {"number"}});
  }
};

TEST_F(LockPriority, TheHolderRunsWhileARealTimeThreadWaits) {
  const pid_t child = start_child([] {
    const auto labelled = prepare_child();
    family = &labelled;
    std::thread holder(hold_the_lock);
    // Of the holder's own priority: it gets the processor only while the waiter sleeps.
    std::thread third([] {
      while (!meeting.waiter_has_begun) std::this_thread::yield();
      meeting.holder_may_go = true;
    });
    Outcome outcome;
    std::thread([&] { outcome = want_the_lock(); }).join();
    holder.join();
    third.join();
    NOTCH_REQUIRE(outcome.got);
    // A thread that did not sleep has burned what the kernel leaves it: most of a second.
    NOTCH_REQUIRE(outcome.cpu_ns < 300'000'000);
  });
  EXPECT_EQ(wait_for(child), "exit 0");
}

// Nobody may sleep here, and the holder never goes on: the waiter does without.
TEST_F(LockPriority, InASealedProcessTheWaiterGivesUp) {
  const pid_t child = start_child([] {
    const auto labelled = prepare_child();
    family = &labelled;
    // So many that the holder is stopped before it has made them: a refusal past the last one says
    // nothing of the lock.
    NOTCH_REQUIRE(seal(50'000));
    std::thread holder(hold_the_lock);
    Outcome outcome{true, 0};
    std::thread([&] { outcome = want_the_lock(); }).join();
    meeting.holder_may_go = true;
    holder.join();
    NOTCH_REQUIRE(!outcome.got);
  });
  EXPECT_EQ(wait_for(child), "exit 0");
  ASSERT_EQ(segments().size(), 1U);
  EXPECT_GT(segments().at(0).drops(shm::DropReason::kReentered), 0U);
}

}  // namespace
}  // namespace notch::test
