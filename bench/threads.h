// On how many threads a row runs: one, and as many as there are CPUs. Google Benchmark's CPU time
// of a row is then that of all threads over the operations of all threads: what an operation costs
// the thread that makes it. Called by: the programs whose rows have threads.
#pragma once

#include <benchmark/benchmark.h>

#include <thread>

namespace notch::bench {

inline void one_and_all_cpus(benchmark::internal::Benchmark* row) {
  row->Threads(1);
  if (const int cpus = static_cast<int>(std::thread::hardware_concurrency()); cpus > 1) {
    row->Threads(cpus);
  }
}

}  // namespace notch::bench
