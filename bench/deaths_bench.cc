// What one death costs the agent when many processes die at once: found, read a last time, folded
// into the ledger, its file removed. The claim: one costs no more among many than among few.
//   deaths_bench [--benchmark_filter=...]
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "agent/segments/truncation_guard.h"
#include "agent/tally/tally.h"
#include "bench/descriptor_limit.h"
#include "bench/scratch_directory.h"
#include "tests/shm/segment_builder.h"

namespace notch {
namespace {

std::vector<std::byte> segment_bytes() {
  testing::SegmentShape shape;
  shape.uid = static_cast<std::uint32_t>(::geteuid());
  testing::SegmentBuilder builder(shape);
  const std::uint32_t family = builder.new_family(testing::counter("requests_total", {"route"}));
  for (int i = 0; i < 4; ++i) {
    builder.set_cell(0, builder.first_cell(builder.new_series(family, {std::to_string(i)})), 1);
  }
  const auto bytes = builder.bytes();
  return {bytes.begin(), bytes.end()};
}

// A directory of segments without processes: the agent learns that from their free locks, at its
// first sweep.
class Doomed {
 public:
  explicit Doomed(int segments) {
    directory_ = ::open(scratch_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::vector<std::byte> bytes = segment_bytes();
    for (int i = 0; i < segments; ++i) {
      names_.push_back("s" + std::to_string(i) + ".notch");
      const std::string file = scratch_.path() + "/" + names_.back();
      std::ofstream(file, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
  }
  Doomed(const Doomed&) = delete;
  Doomed& operator=(const Doomed&) = delete;
  ~Doomed() {
    for (const int file : held_) ::close(file);
    ::close(directory_);
  }

  // All but the first live from now on: their locks are held.
  void hold_others() {
    for (std::size_t i = 1; i < names_.size(); ++i) {
      const int file = ::openat(directory_, names_[i].c_str(), O_RDONLY | O_CLOEXEC);
      if (file >= 0 && ::flock(file, LOCK_SH) == 0) held_.push_back(file);
    }
  }
  bool others_are_held() const { return held_.size() + 1 == names_.size(); }
  int directory() const { return directory_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  bench::ScratchDirectory scratch_;
  int directory_ = -1;
  std::vector<std::string> names_;
  std::vector<int> held_;
};

agent::CollectOptions room_for_all() {
  agent::CollectOptions options;
  options.limits.per_uid.segments = 20'000;
  options.limits.total.segments = 20'000;
  return options;
}

void deaths(benchmark::State& state) {
  agent::install_truncation_handler();
  const agent::Moment now = {1'000'000, 1'000'000'000, 1000};
  for (auto _ : state) {
    const Doomed doomed(static_cast<int>(state.range(0)));
    agent::Collect collect(room_for_all());
    agent::Recovered recovered;
    if (!collect.open(doomed.directory(), {}, recovered).ok) state.SkipWithError("no ledger");
    collect.add(doomed.names(), now);
    collect.gather(now);
    const auto begin = std::chrono::steady_clock::now();
    collect.sweep(now);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    // Per death, so that the rows can be compared.
    state.SetIterationTime(took.count() / static_cast<double>(state.range(0)));
    if (collect.stats().folds != doomed.names().size()) state.SkipWithError("not all were folded");
  }
}

// One among many that live on: what all of them had counted is added up once more before it is
// folded, in case it was reset. With `gathers`, the scrape's gather of the same segments.
void one_death(benchmark::State& state, bool gathers) {
  agent::install_truncation_handler();
  const agent::Moment now = {1'000'000, 1'000'000'000, 1000};
  for (auto _ : state) {
    Doomed segments(static_cast<int>(state.range(0)));
    segments.hold_others();
    if (!segments.others_are_held()) state.SkipWithError("not all could be held");
    agent::Collect collect(room_for_all());
    agent::Recovered recovered;
    if (!collect.open(segments.directory(), {}, recovered).ok) state.SkipWithError("no ledger");
    collect.add(segments.names(), now);
    collect.gather(now);
    const auto begin = std::chrono::steady_clock::now();
    if (gathers) {
      collect.gather(now);
    } else {
      collect.sweep(now);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(took.count());
    if (collect.stats().folds != (gathers ? 0 : 1)) state.SkipWithError("not one was folded");
  }
}

// The tally's part alone, among as many as no descriptor limit lets live in files.
void detaches(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    agent::Tally tally({});
    std::vector<agent::Binding> bindings(count);
    for (agent::Binding& binding : bindings) tally.attach(binding);
    const auto begin = std::chrono::steady_clock::now();
    for (agent::Binding& binding : bindings) tally.detach(binding, {});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(took.count() / static_cast<double>(count));
  }
}

BENCHMARK(detaches)->Arg(1'000)->Arg(50'000)->UseManualTime()->Iterations(3);
BENCHMARK_CAPTURE(one_death, sweep, false)->Arg(100)->Arg(1'000)->UseManualTime()->Iterations(3);
BENCHMARK_CAPTURE(one_death, gather, true)->Arg(100)->Arg(1'000)->UseManualTime()->Iterations(3);
BENCHMARK(deaths)->Arg(1'000)->Arg(10'000)->UseManualTime()->Iterations(3);

}  // namespace
}  // namespace notch

int main(int argc, char** argv) {
  notch::bench::raise_descriptor_limit();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
