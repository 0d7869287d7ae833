// Exactness: whatever threads, signal handlers and migrations do, the segment holds what they
// counted, in columns by concurrency id, by processor (NOTCH_TEST_BY_CPU), and in column 0 alone.
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "notch/registry.h"
#include "tests/client/segment_directory.h"
#include "tests/client/thread_timer.h"

namespace notch::test {
namespace {

constexpr int kThreads = 33;
constexpr int kTimers = 11;  // every third thread is interrupted
constexpr auto kStorm = std::chrono::milliseconds(1500);
constexpr const char* kModeVariable = "NOTCH_TEST_COUNTING_MODE";

// Of every kind: how often it was counted. Amounts are powers of two, so sums of doubles are exact.
struct Truth {
  std::atomic<std::uint64_t> whole, half, classic, native, up_down, signals, moves;
};

// The kernel keeps concurrency ids from Linux 6.3 on, and says so to each program.
shm::CountingMode mode_with_rseq() {
#ifdef NOTCH_TEST_BY_CPU
  return shm::CountingMode::kRseqByCpu;
#else
  constexpr unsigned long kFeatureSize = 27;  // AT_RSEQ_FEATURE_SIZE
  constexpr unsigned long kWithIds = 28;      // bytes of struct rseq
  return getauxval(kFeatureSize) >= kWithIds ? shm::CountingMode::kRseq
                                             : shm::CountingMode::kRseqByCpu;
#endif
}

struct Instruments {
  Counter whole = counter({.name = "test_whole_total", .help = "Whole."});
  FloatCounter half = float_counter({.name = "test_half_total", .help = "Halves."});
  UpDownCounter up_down = up_down_counter({.name = "test_up_down", .help = "Up and down."});
  Histogram classic =
      histogram({.name = "test_classic", .help = "Classic."}, Buckets{0.25, 0.5, 1, 2});
  NativeHistogram native = native_histogram({.name = "test_native", .help = "Native."});
};

Instruments* instruments = nullptr;  // for the signal handler
Truth* truth = nullptr;

void count_in_handler(int) {
  instruments->whole.add();
  instruments->half.add(0.5);
  instruments->classic.observe(0.5);
  instruments->native.observe(-4.0);
  truth->whole.fetch_add(1);
  truth->half.fetch_add(1);
  truth->classic.fetch_add(1);
  truth->native.fetch_add(1);
  truth->signals.fetch_add(1);
}

std::vector<std::size_t> allowed_cpus() {
  cpu_set_t all;
  CPU_ZERO(&all);
  sched_getaffinity(0, sizeof all, &all);
  std::vector<std::size_t> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all)) cpus.push_back(cpu);
  return cpus;
}

// Says whether the thread was elsewhere before.
bool move_to_cpu(std::size_t cpu) {
  const int before = sched_getcpu();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return sched_setaffinity(0, sizeof one, &one) == 0 && sched_getcpu() != before;
}

void count_for_a_while(Instruments mine, std::size_t thread, const std::vector<std::size_t>& cpus,
                       Truth& sums) {
  const auto end = std::chrono::steady_clock::now() + kStorm;
  std::uint64_t rounds = 0;
  std::uint64_t moves = 0;
  for (; rounds % 64 != 0 || std::chrono::steady_clock::now() < end; ++rounds) {
    if (rounds % 256 == 0 && move_to_cpu(cpus[(thread + rounds / 256) % cpus.size()])) ++moves;
    mine.whole.add();
    mine.half.add(0.5);
    mine.up_down.add(3);
    mine.up_down.subtract(2);
    mine.classic.observe(static_cast<double>(rounds % 4));
    mine.native.observe(static_cast<double>(rounds % 4));
  }
  sums.whole += rounds;
  sums.half += rounds;
  sums.up_down += rounds;
  sums.classic += rounds;
  sums.native += rounds;
  sums.moves += moves;
}

void storm(Truth& sums) {
  Instruments mine;
  instruments = &mine;
  truth = &sums;
  struct sigaction action {};
  action.sa_handler = count_in_handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGRTMIN, &action, nullptr);
  const std::vector<std::size_t> cpus = allowed_cpus();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&mine, &sums, &cpus, i] {
      if (i % (kThreads / kTimers) == 0) {
        const ThreadTimer timer;
        count_for_a_while(mine, i, cpus, sums);
      } else {
        count_for_a_while(mine, i, cpus, sums);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class Counting : public SegmentDirectory {
 protected:
  // The mode this program has to find: what the re-executed one is told, else what there is.
  static bool expects_column0() { return getenv(kModeVariable) != nullptr; }

  void expect_mode(const SegmentTotals& segment) const {
#if defined(__SANITIZE_THREAD__)
    const bool atomic = true;
#else
    const bool atomic = expects_column0();
#endif
    if (atomic) {
      EXPECT_EQ(segment.header.counting_mode, std::uint32_t(shm::CountingMode::kAtomic));
      EXPECT_EQ(segment.columns_in_use(), 1U);
    } else {
      EXPECT_EQ(segment.header.counting_mode, std::uint32_t(mode_with_rseq()));
      EXPECT_GT(segment.columns_in_use(), 1U);
    }
  }
};

TEST_F(Counting, ThreadsHandlersAndMigrationsLoseNothing) {
  const Shared<Truth> sums;
  ASSERT_EQ(wait_for(start_child([&] { storm(*sums); })), "exit 0");
  ASSERT_EQ(segments().size(), 1U);
  expect_mode(segments()[0]);
  EXPECT_GT(sums->signals.load(), 100U);
  if (allowed_cpus().size() > 1) {
    EXPECT_GT(sums->moves.load(), 100U);
  }
  RecordProperty("signals", std::to_string(sums->signals.load()));
  RecordProperty("moves", std::to_string(sums->moves.load()));
  EXPECT_EQ(count("test_whole_total"), sums->whole.load());
  EXPECT_EQ(real_total(directory(), "test_half_total"), 0.5 * double(sums->half.load()));
  EXPECT_EQ(count("test_up_down"), sums->up_down.load());
  EXPECT_EQ(observation_total(directory(), "test_classic"), sums->classic.load());
  // A handler that observes the first of 32 buckets while its own thread is making one cannot wait
  // for itself: that observation is dropped, and counted as such.
  EXPECT_EQ(observation_total(directory(), "test_native") +
                segments()[0].drops(shm::DropReason::kReentered),
            sums->native.load());
}

TEST_F(Counting, ShortThreadsLeaveAColumnPerCpuAndNotPerThread) {
  constexpr int kShortThreads = 10'000;
  constexpr int kAtOnce = 8;
  ASSERT_EQ(wait_for(start_child([] {
              Instruments mine;
              for (int begun = 0; begun < kShortThreads; begun += kAtOnce) {
                std::array<std::thread, kAtOnce> threads;
                for (std::thread& thread : threads)
                  thread = std::thread([mine]() mutable {
                    mine.whole.add(3);
                    mine.classic.observe(0.5);
                  });
                for (std::thread& thread : threads) thread.join();
              }
            })),
            "exit 0");
  ASSERT_EQ(segments().size(), 1U);
  expect_mode(segments()[0]);
  EXPECT_LE(segments()[0].columns_in_use(), 1 + sysconf(_SC_NPROCESSORS_CONF));
  EXPECT_EQ(count("test_whole_total"), 3U * kShortThreads);
  EXPECT_EQ(observation_total(directory(), "test_classic"), std::uint64_t{kShortThreads});
}

#if defined(NOTCH_TEST_BY_CPU) && !defined(__SANITIZE_THREAD__)
TEST_F(Counting, AColumnForEachProcessorThatCounted) {
  if (expects_column0()) GTEST_SKIP() << "there are no such columns";
  const std::vector<std::size_t> allowed = allowed_cpus();
  ASSERT_FALSE(allowed.empty());
  ASSERT_EQ(wait_for(start_child([&] {
              Instruments mine;
              for (const std::size_t cpu : allowed) {
                cpu_set_t one;
                CPU_ZERO(&one);
                CPU_SET(cpu, &one);
                NOTCH_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
                mine.whole.add();
                mine.half.add(0.5);
              }
            })),
            "exit 0");
  ASSERT_EQ(segments().size(), 1U);
  const SegmentTotals segment = segments()[0];
  const auto& bitmap = segment.header.column_bitmap;
  for (std::size_t cpu = 0; cpu + 1 < shm::kMaxColumns; ++cpu) {
    const std::size_t column = cpu + 1;
    const auto counted = std::count(allowed.begin(), allowed.end(), cpu);
    EXPECT_EQ(bitmap[column / 64] >> column % 64 & 1, static_cast<std::uint64_t>(counted)) << cpu;
  }
  EXPECT_EQ(count("test_whole_total"), allowed.size());
  EXPECT_EQ(real_total(directory(), "test_half_total"), 0.5 * double(allowed.size()));
}
#endif

// glibc registers no rseq then, and everything goes to column 0.
TEST_F(Counting, HoldsInColumn0WhereThereIsNoRseq) {
  if (expects_column0()) GTEST_SKIP() << "this is the program without rseq";
  const Ending ending = run_child([] {
    setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
    setenv(kModeVariable, "column 0", 1);
    execl("/proc/self/exe", "counting_test", "--gtest_filter=Counting.*:-*NoRseq",
          static_cast<char*>(nullptr));
  });
  EXPECT_EQ(ending.status, "exit 0") << ending.output;
  EXPECT_NE(ending.output.find("[  PASSED  ] 2 tests"), std::string::npos) << ending.output;
}

}  // namespace
}  // namespace notch::test
