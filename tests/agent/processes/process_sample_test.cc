// One process's figures against what the kernel tells the process itself.
#include "agent/processes/process_sample.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/agent/processes/measured_child.h"

namespace notch::agent {
namespace {

using testing::MeasuredChild;

constexpr std::size_t kTouchedBytes = 64U << 20;
constexpr std::size_t kWrittenBytes = 3U << 20;
constexpr std::size_t kReadBytes = 5U << 20;
constexpr int kOpened = 50;
constexpr std::uint64_t kSleeps = 200;

void nothing() {}

// A sanitizer would touch memory of its own beside.
__attribute__((no_sanitize("address", "thread"))) void touch_memory() {
  auto* const memory =
      reinterpret_cast<char*>(::syscall(SYS_mmap, nullptr, kTouchedBytes, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (std::size_t at = 0; at < kTouchedBytes; at += 4096) memory[at] = 1;
}

void open_descriptors() {
  for (int i = 0; i < kOpened; ++i) (void)::open("/dev/null", O_RDONLY);
}

void read_and_write() {
  static char block[1 << 20];
  const int zero = ::open("/dev/zero", O_RDONLY);
  const int null = ::open("/dev/null", O_WRONLY);
  for (std::size_t done = 0; done < kReadBytes; done += sizeof block) {
    if (::read(zero, block, sizeof block) != sizeof block) ::_exit(1);
  }
  for (std::size_t done = 0; done < kWrittenBytes; done += sizeof block) {
    if (::write(null, block, sizeof block) != sizeof block) ::_exit(1);
  }
}

void sleep_often() {
  const timespec moment = {0, 1000};
  for (std::uint64_t i = 0; i < kSleeps; ++i) ::nanosleep(&moment, nullptr);
}

void burn() {
  timespec used{};
  do {
    // A call of the system takes time in both of its modes.
    for (int i = 0; i < 1000; ++i) (void)::getppid();
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (used.tv_sec * 1000 + used.tv_nsec / 1'000'000 < 300);
}

std::uint64_t counter(const ProcessSample& sample, ProcessCounter which) {
  const auto value = sample.counters[static_cast<std::size_t>(which)];
  EXPECT_TRUE(value);
  return value.value_or(0);
}

std::uint64_t gauge(const ProcessSample& sample, ProcessGauge which) {
  const auto value = sample.gauges[static_cast<std::size_t>(which)];
  EXPECT_TRUE(value);
  return value.value_or(0);
}

ProcessSample sample(const MeasuredChild& child) {
  SwitchesSoFar switches;
  return sample_process(child.attached("").claim, switches);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

TEST(ProcessSample, ProcessorTimeIsWhatTheProcessUsed) {
  MeasuredChild child({burn});
  const rusage used = child.step();
  const ProcessSample seen = sample(child);
  ASSERT_EQ(seen.outcome, ProcessOutcome::kRead);
  const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double user_s =
      static_cast<double>(counter(seen, ProcessCounter::kUserTicks)) / ticks_per_s;
  const double system_s =
      static_cast<double>(counter(seen, ProcessCounter::kSystemTicks)) / ticks_per_s;
  EXPECT_GE(seconds(used.ru_utime) + seconds(used.ru_stime), 0.3);
  // A tick is cut off each, and the answer took a moment more.
  EXPECT_NEAR(user_s, seconds(used.ru_utime), 2.5 / ticks_per_s);
  EXPECT_NEAR(system_s, seconds(used.ru_stime), 2.5 / ticks_per_s);
}

TEST(ProcessSample, MemoryAndItsFaultsAreWhatTheProcessTouched) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer touches memory of its own for each page of the program's";
#endif
  MeasuredChild child({nothing, touch_memory});
  child.step();
  const ProcessSample before = sample(child);
  const rusage used = child.step();
  const ProcessSample after = sample(child);
  const std::uint64_t resident =
      gauge(after, ProcessGauge::kResidentBytes) - gauge(before, ProcessGauge::kResidentBytes);
  // The kernel keeps some pages' count aside on each processor.
  EXPECT_NEAR(static_cast<double>(resident), static_cast<double>(kTouchedBytes), 4.0 * (1 << 20));
  const std::uint64_t room =
      gauge(after, ProcessGauge::kVirtualBytes) - gauge(before, ProcessGauge::kVirtualBytes);
  EXPECT_GE(room, kTouchedBytes);
  EXPECT_LT(room, kTouchedBytes + (8U << 20));
  const auto faults = static_cast<std::uint64_t>(used.ru_minflt);
  EXPECT_GE(counter(after, ProcessCounter::kMinorFaults), faults);
  EXPECT_LE(counter(after, ProcessCounter::kMinorFaults), faults + 50);
  EXPECT_GE(counter(after, ProcessCounter::kMajorFaults),
            static_cast<std::uint64_t>(used.ru_majflt));
}

TEST(ProcessSample, DescriptorsAreThoseThatAreOpen) {
  MeasuredChild child({nothing, open_descriptors});
  child.step();
  const std::uint64_t before = gauge(sample(child), ProcessGauge::kDescriptors);
  child.step();
  EXPECT_EQ(gauge(sample(child), ProcessGauge::kDescriptors), before + kOpened);
}

TEST(ProcessSample, BytesAreThoseOfItsSystemCalls) {
  MeasuredChild child({nothing, read_and_write});
  child.step();
  const ProcessSample before = sample(child);
  child.step();
  const ProcessSample after = sample(child);
  const auto grown = [&](ProcessCounter which) {
    return counter(after, which) - counter(before, which);
  };
  // And the test's own talk with the child.
  EXPECT_GE(grown(ProcessCounter::kCharsRead), kReadBytes);
  EXPECT_LT(grown(ProcessCounter::kCharsRead), kReadBytes + 1024);
  EXPECT_GE(grown(ProcessCounter::kCharsWritten), kWrittenBytes);
  EXPECT_LT(grown(ProcessCounter::kCharsWritten), kWrittenBytes + 1024);
  EXPECT_EQ(grown(ProcessCounter::kDiskReadBytes), 0U);
  EXPECT_EQ(grown(ProcessCounter::kDiskWrittenBytes), 0U);
}

TEST(ProcessSample, SwitchesAreWhatTheProcessCounts) {
  MeasuredChild child({sleep_often});
  const rusage used = child.step();
  // A sleep whose time is over before the processor is given away is no switch.
  EXPECT_GT(static_cast<std::uint64_t>(used.ru_nvcsw), kSleeps / 2);
  const ProcessSample seen = sample(child);
  const auto voluntary = static_cast<std::uint64_t>(used.ru_nvcsw);
  EXPECT_GE(counter(seen, ProcessCounter::kVoluntarySwitches), voluntary);
  EXPECT_LE(counter(seen, ProcessCounter::kVoluntarySwitches), voluntary + 5);
  EXPECT_GE(counter(seen, ProcessCounter::kInvoluntarySwitches),
            static_cast<std::uint64_t>(used.ru_nivcsw));
}

// A process of `threads` threads, of which all but the first have slept a hundred times.
class ThreadedChild {
 public:
  explicit ThreadedChild(int threads) {
    EXPECT_EQ(::pipe(ready_.data()), 0);
    const std::string others = std::to_string(threads - 1);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ready_[1], 1);
      ::execl("/usr/bin/python3", "python3", "-c",
              "import os,sys,threading,time\n"
              "def nap():\n"
              "  for _ in range(100): time.sleep(1e-4)\n"
              "  done.release(); time.sleep(1000)\n"
              "done=threading.Semaphore(0)\n"
              "others=range(int(sys.argv[1]))\n"
              "for _ in others: threading.Thread(target=nap,daemon=True).start()\n"
              "for _ in others: done.acquire()\n"
              "os.write(1,b'x'); time.sleep(1000)\n",
              others.c_str(), nullptr);
      ::_exit(1);
    }
    char told = 0;
    EXPECT_EQ(::read(ready_[0], &told, 1), 1);
  }
  ThreadedChild(const ThreadedChild&) = delete;
  ThreadedChild& operator=(const ThreadedChild&) = delete;
  ~ThreadedChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(ready_[0]);
    ::close(ready_[1]);
  }

  ProcessSample sample(SwitchesSoFar& switches) const {
    return sample_process(MeasuredChild::attached_process(pid_, "").claim, switches);
  }

 private:
  std::array<int, 2> ready_{};
  pid_t pid_ = -1;
};

TEST(ProcessSample, ThreadsAreCountedAndTheirSwitchesAdded) {
  const ThreadedChild child(4);
  SwitchesSoFar switches;
  const ProcessSample seen = child.sample(switches);
  EXPECT_EQ(gauge(seen, ProcessGauge::kThreads), 4U);
  EXPECT_EQ(seen.left_out_threads, 0U);
  EXPECT_EQ(switches.threads.size(), 4U);
  EXPECT_GE(counter(seen, ProcessCounter::kVoluntarySwitches), 300U);
}

TEST(ProcessSample, ThreadsPastThoseThatAreFollowedAreCounted) {
  const ThreadedChild child(kMostThreads + 4);
  SwitchesSoFar switches;
  const ProcessSample seen = child.sample(switches);
  EXPECT_EQ(gauge(seen, ProcessGauge::kThreads), kMostThreads + 4);
  EXPECT_EQ(switches.threads.size(), kMostThreads);
  EXPECT_EQ(seen.left_out_threads, 4U);
}

TEST(ProcessSample, AThreadThatEndsTakesNothingAway) {
  SwitchesSoFar so_far;
  add_switches({{1, 10, 1}, {2, 20, 2}, {5, 50, 5}}, so_far);
  EXPECT_EQ(so_far.voluntary, 80U);
  EXPECT_EQ(so_far.involuntary, 8U);
  add_switches({{1, 11, 1}, {3, 7, 0}, {5, 50, 6}}, so_far);
  EXPECT_EQ(so_far.voluntary, 88U);
  EXPECT_EQ(so_far.involuntary, 9U);
  // 5 is another thread now.
  add_switches({{1, 11, 1}, {5, 2, 1}}, so_far);
  EXPECT_EQ(so_far.voluntary, 90U);
  EXPECT_EQ(so_far.involuntary, 10U);
}

TEST(ProcessSample, TheDeadAreReadUntilTheyAreWaitedFor) {
  MeasuredChild child({burn});
  child.step();
  const ProcessClaim claim = child.attached("").claim;
  SwitchesSoFar switches;
  child.kill();
  const ProcessSample dead = sample_process(claim, switches);
  EXPECT_EQ(dead.outcome, ProcessOutcome::kRead);
  EXPECT_TRUE(dead.exited);
  EXPECT_GE(counter(dead, ProcessCounter::kUserTicks) + counter(dead, ProcessCounter::kSystemTicks),
            25U);
  child.reap();
  EXPECT_EQ(sample_process(claim, switches).outcome, ProcessOutcome::kGone);
}

TEST(ProcessSample, ANumberIsBelievedOnlyWithItsStartTime) {
  MeasuredChild child({nothing});
  ProcessClaim claim = child.attached("").claim;
  ++claim.start_time_ticks;
  SwitchesSoFar switches;
  EXPECT_EQ(sample_process(claim, switches).outcome, ProcessOutcome::kGone);
  claim.pid = 0;
  EXPECT_EQ(sample_process(claim, switches).outcome, ProcessOutcome::kGone);
}

TEST(ProcessSample, OnlyItsUserOrRootMaySpeakForAProcess) {
  MeasuredChild child({nothing});
  ProcessClaim claim = child.attached("").claim;
  SwitchesSoFar switches;
  EXPECT_EQ(sample_process(claim, switches).outcome, ProcessOutcome::kRead);
  claim.owner_uid = 0;
  EXPECT_EQ(sample_process(claim, switches).outcome, ProcessOutcome::kRead);
  claim.owner_uid = ::geteuid() + 1;
  EXPECT_EQ(sample_process(claim, switches).outcome, ProcessOutcome::kOtherOwner);
}

TEST(ProcessSample, WhatMayNotBeReadIsLeftOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  MeasuredChild child({nothing});
  const ProcessClaim claim = child.attached("").claim;
  // A user without privileges looks at root's process: in a child, as there is no way back.
  const pid_t looker = ::fork();
  if (looker == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    SwitchesSoFar switches;
    const ProcessSample seen = sample_process(claim, switches);
    const bool has_cpu =
        seen.counters[static_cast<std::size_t>(ProcessCounter::kUserTicks)].has_value();
    const bool has_io =
        seen.counters[static_cast<std::size_t>(ProcessCounter::kCharsRead)].has_value();
    ::_exit(seen.outcome == ProcessOutcome::kRead && has_cpu && !has_io ? 0 : 1);
  }
  int status = 0;
  ::waitpid(looker, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace notch::agent
