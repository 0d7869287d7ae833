// How much later does a program end that links Notch, attaches and counts once, than the same
// program without? Run by: bench/run. Each repetition is one spawn, from posix_spawn() to the end
// of waitpid(), in random order among the programs; so a row's median, p99 and maximum are of
// single calls. The difference holds loading the library, the segment's birth, and taking it all
// down. `cpu_us` is what the kernel charged the child, for a machine that is not quiet.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench/scratch_directory.h"

namespace {

std::string probe(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Runs it once and waits. Returns false if it failed; `usage` tells what it took.
bool run(const std::string& program, const char* argument, rusage& usage) {
  char* const arguments[] = {const_cast<char*>(program.c_str()), const_cast<char*>(argument),
                             nullptr};
  pid_t child = -1;
  if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) {
    return false;
  }
  int status = 0;
  return ::wait4(child, &status, 0, &usage) == child && status == 0;
}

void spawn(benchmark::State& state, const std::string& name) {
  const std::string program = probe(name);
  rusage usage{};
  if (!run(program, "check", usage)) return state.SkipWithError("the probe does not attach");
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const bool done = run(program, nullptr, usage);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!done) return state.SkipWithError("the probe failed");
    state.SetIterationTime(took.count());
  }
  state.counters["cpu_us"] = (seconds(usage.ru_utime) + seconds(usage.ru_stime)) * 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  const notch::bench::ScratchDirectory scratch;
  ::setenv("NOTCH_DIR", scratch.path().c_str(), 1);
  for (const char* name : {"attach_probe_without", "attach_probe", "attach_probe_static"}) {
    benchmark::RegisterBenchmark(name, spawn, name)
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
