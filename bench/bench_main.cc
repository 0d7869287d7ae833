// The main() of every program that counts through the client: a directory of its own for the
// segment (and for the files of PCP's library), and in the JSON how the client is linked and
// counts. Linked into: counter_add_bench, histogram_observe_bench, labelled_lookup_bench.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "bench/scratch_directory.h"
#include "notch/health.h"
#include "notch/registry.h"

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
  benchmark::AddCustomContext("notch_library", NOTCH_BENCH_LIBRARY);
  benchmark::AddCustomContext("notch_counting", health.rseq != 0 ? "rseq" : "column 0");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
