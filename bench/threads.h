// On how many threads a row runs: one, and as many as there are CPUs. Google Benchmark's CPU time
// of a row is then that of all threads over the operations of all threads: what an operation costs
// the thread that makes it. Called by: the programs whose rows have threads.
#pragma once

#include <benchmark/benchmark.h>
#include <sched.h>

#include <cstddef>
#include <thread>

namespace notch::bench {

inline void one_and_all_cpus(benchmark::internal::Benchmark* row) {
  row->Threads(1);
  if (const int cpus = static_cast<int>(std::thread::hardware_concurrency()); cpus > 1) {
    row->Threads(cpus);
  }
}

// While it lives, each thread of a row with several has a CPU of its own, so that they meet instead
// of taking turns on one. With one thread it does nothing.
class OwnCpu {
 public:
  explicit OwnCpu(const benchmark::State& state) : taken_(state.threads() > 1) {
    if (!taken_) return;
    ::sched_getaffinity(0, sizeof before_, &before_);
    int left = state.thread_index();
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_) || left-- != 0) continue;
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(cpu, &own);
      ::sched_setaffinity(0, sizeof own, &own);
    }
  }
  OwnCpu(const OwnCpu&) = delete;
  OwnCpu& operator=(const OwnCpu&) = delete;
  ~OwnCpu() {
    if (taken_) ::sched_setaffinity(0, sizeof before_, &before_);
  }

 private:
  bool taken_;
  cpu_set_t before_{};
};

}  // namespace notch::bench
