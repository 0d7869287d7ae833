// The main() of every program that counts through the client: a directory of its own for the
// segment (and for the files of PCP's library), and in the JSON how the client is linked and
// counts. Linked into: add_ablation_bench, counter_add_bench, histogram_observe_bench,
// labelled_lookup_bench.
//
// A second thread lives and sleeps: glibc's mutex, which prometheus-cpp's histogram and families
// take, is cheaper in a process that never had one, and a program that serves metrics has one. With
// NOTCH_BENCH_ALONE=1 there is none, for rows of one thread.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "bench/scratch_directory.h"
#include "notch/health.h"
#include "notch/registry.h"

namespace {

class SleepingThread {
 public:
  SleepingThread() : thread_([this] { over_.wait(false); }) {}
  SleepingThread(const SleepingThread&) = delete;
  SleepingThread& operator=(const SleepingThread&) = delete;
  ~SleepingThread() {
    over_.test_and_set();
    over_.notify_one();
    thread_.join();
  }

 private:
  std::atomic_flag over_;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  const notch::bench::ScratchDirectory scratch;
  ::setenv("NOTCH_DIR", scratch.path().c_str(), 1);
  ::setenv("PCP_TMP_DIR", scratch.path().c_str(), 1);
  std::filesystem::create_directory(scratch.path() + "/mmv");

  notch::counter({"bench_starts_total", "Attaches the process before anything is measured."}).add();
  const notch_health health = notch::health();
  if (health.attached == 0) {
    std::fprintf(stderr, "not attached to %s: nothing real would be measured\n",
                 scratch.path().c_str());
    return 1;
  }
  std::optional<SleepingThread> sleeping;
  if (std::getenv("NOTCH_BENCH_ALONE") == nullptr) sleeping.emplace();
  benchmark::AddCustomContext("notch_threads",
                              sleeping ? "a second one sleeps" : "the row's alone");
  benchmark::AddCustomContext("notch_library", NOTCH_BENCH_LIBRARY);
  benchmark::AddCustomContext("notch_counting", health.rseq != 0 ? "rseq" : "column 0");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
