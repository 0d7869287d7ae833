// What a gather costs, and what the agent keeps per series: real segment files, read as the daemon
// reads them. The claim: about 5 ns and at most 250 bytes per series at a million of them.
//   gather_bench [--benchmark_filter=...]
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "agent/segments/truncation_guard.h"
#include "bench/descriptor_limit.h"
#include "bench/scratch_directory.h"
#include "tests/shm/segment_builder.h"

namespace notch {
namespace {

// A directory of live segments, each with counters of its own or the same in all.
class LiveSegments {
 public:
  LiveSegments(int segments, int series, bool shared, std::uint32_t columns) {
    directory_ = ::open(scratch_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < segments; ++i) write_segment(i, series, shared, columns);
  }
  LiveSegments(const LiveSegments&) = delete;
  LiveSegments& operator=(const LiveSegments&) = delete;
  ~LiveSegments() {
    for (const int lock : locks_) ::close(lock);
    ::close(directory_);
  }

  int directory() const { return directory_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  void write_segment(int index, int series, bool shared, std::uint32_t columns) {
    testing::SegmentShape shape;
    shape.uid = static_cast<std::uint32_t>(::geteuid());
    shape.catalogue_bytes = static_cast<std::uint64_t>(series) * 160 + 4096;
    shape.cells = static_cast<std::uint64_t>(series) + shm::kFirstFreeCell;
    shape.columns = columns;
    testing::SegmentBuilder builder(shape);
    const std::uint32_t family =
        builder.new_family(testing::counter("requests_total", {"route", "shard"}));
    const std::string shard = shared ? "all" : std::to_string(index);
    for (int i = 0; i < series; ++i) {
      const std::uint32_t id = builder.new_series(family, {"/route/" + std::to_string(i), shard});
      builder.set_cell(0, builder.first_cell(id), static_cast<std::uint64_t>(i));
    }
    const std::string name = "s" + std::to_string(index) + ".notch";
    const std::string file = scratch_.path() + "/" + name;
    const auto bytes = builder.bytes();
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    locks_.push_back(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    ::flock(locks_.back(), LOCK_SH);
    names_.push_back(name);
  }

  const bench::ScratchDirectory scratch_;
  int directory_ = -1;
  std::vector<int> locks_;
  std::vector<std::string> names_;
};

// Resident memory of this process, pages of the segments included.
std::uint64_t resident_bytes() {
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void gather(benchmark::State& state, int segments, int series, bool shared, std::uint32_t columns) {
  const LiveSegments live(segments, series, shared, columns);
  agent::install_truncation_handler();
  ::malloc_trim(0);  // what making the segments left free would be taken for the agent's
  const std::uint64_t before = resident_bytes();
  agent::CollectOptions options;
  agent::Collect collect(options);
  agent::Recovered recovered;
  if (!collect.open(live.directory(), {}, recovered).ok) state.SkipWithError("no ledger");
  const agent::Moment now = {1'000'000, 1'000'000'000, 1000};
  collect.add(live.names(), now);
  agent::Snapshot snapshot = collect.gather(now);
  for (auto _ : state) {
    snapshot = collect.gather(now);
    benchmark::DoNotOptimize(snapshot.families.data());
  }
  const double total = static_cast<double>(segments) * series;
  state.counters["ns_per_series"] = benchmark::Counter(
      total * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_series"] = static_cast<double>(resident_bytes() - before) / total;
  state.counters["rows"] = static_cast<double>(collect.stats().rows);
}

void gather_distinct(benchmark::State& state) {
  gather(state, 100, 10'000, false, 2);
}
void gather_shared(benchmark::State& state) {
  gather(state, 1000, 1000, true, 2);
}
void gather_many_small(benchmark::State& state) {
  gather(state, 1000, 100, true, 2);
}

BENCHMARK(gather_distinct)->Unit(benchmark::kMillisecond);
BENCHMARK(gather_shared)->Unit(benchmark::kMillisecond);
BENCHMARK(gather_many_small)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace notch

int main(int argc, char** argv) {
  notch::bench::raise_descriptor_limit();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
