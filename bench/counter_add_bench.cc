// What does it cost to add one to a counter, alone and while every CPU adds to the same one?
// Run by: bench/run. Peers: a plain increment of private memory (the limit; inlined, and behind a
// call, as it is where another library does it), a relaxed fetch_add, prometheus-cpp's Counter,
// PCP's memory-mapped values.
//
// A plain increment of one word takes one cycle where the processor hands a store to the next load
// by renaming, as if the word were a register, and four or five where it does not. A peer that adds
// doubles always waits: add_ablation_bench and histogram_observe_bench tell by how much.
//
// Every loop ends in a compiler barrier, so each operation loads what it needs again, as it would
// between other code. `one` rows add to one place, where each add waits for the store before it;
// `many` rows go around 1,024 places, where none does.
#include <benchmark/benchmark.h>
#include <pcp/pmapi.h>
// After pmapi.h, whose types it uses.
#include <pcp/mmv_stats.h>
#include <prometheus/counter.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/threads.h"
#include "notch/registry.h"
#include "shm/memory_order.h"

namespace notch::bench {
namespace {

constexpr std::size_t kMany = 1024;
constexpr std::size_t kCacheLineBytes = 64;

// Shared by all threads of a row, and on a line of its own.
struct alignas(kCacheLineBytes) Word {
  std::uint64_t value = 0;
};

void plain_increment_one(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  const auto word = std::make_unique<Word>();
  std::uint64_t* cell = &word->value;
  benchmark::DoNotOptimize(cell);
  for (auto _ : state) {
    ++*cell;
    benchmark::ClobberMemory();
  }
}

[[gnu::noinline]] void increment(std::uint64_t* cell) {
  ++*cell;
  benchmark::ClobberMemory();
}

void plain_increment_called_one(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  const auto word = std::make_unique<Word>();
  std::uint64_t* cell = &word->value;
  benchmark::DoNotOptimize(cell);
  for (auto _ : state) increment(cell);
}

void plain_increment_many(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  const auto words = std::make_unique<std::array<std::uint64_t, kMany>>();
  std::uint64_t* cells = words->data();
  benchmark::DoNotOptimize(cells);
  std::size_t i = 0;
  for (auto _ : state) {
    ++cells[i++ % kMany];
    benchmark::ClobberMemory();
  }
}

void fetch_add_one(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  static Word word;
  for (auto _ : state) {
    shm::add_alone(word.value, std::uint64_t{1});
    benchmark::ClobberMemory();
  }
}

void notch_add_one(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  static Counter shared = counter({"bench_one_total", "One counter, all threads."});
  Counter counter = shared;
  for (auto _ : state) {
    counter.add();
    benchmark::ClobberMemory();
  }
}

void notch_add_many(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  static const std::array<Counter, kMany> shared = [] {
    const auto family = counter_family({"bench_many_total", "Many counters.", {"number"}});
    std::array<Counter, kMany> counters;
    for (std::size_t i = 0; i < kMany; ++i) counters[i] = family.with(std::to_string(i));
    return counters;
  }();
  std::array<Counter, kMany> counters = shared;
  std::size_t i = 0;
  for (auto _ : state) {
    counters[i++ % kMany].add();
    benchmark::ClobberMemory();
  }
}

void prometheus_cpp_increment_one(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  static prometheus::Counter counter;
  for (auto _ : state) {
    counter.Increment();
    benchmark::ClobberMemory();
  }
}

// Not exact with threads: mmv_inc() is a plain load, add and store of shared memory.
void pcp_mmv_inc_one(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  static void* const file = [] {
    mmv_registry_t* registry = mmv_stats_registry("notch_bench", 1, mmv_stats_flags_t{});
    // Not by MMV_UNITS, which is a compound literal of C alone in later versions.
    pmUnits units{};
    units.dimCount = 1;
    units.scaleCount = PM_COUNT_ONE;
    if (registry == nullptr ||
        mmv_stats_add_metric(registry, "adds", 1, MMV_TYPE_U64, MMV_SEM_COUNTER, units, 0,
                             "Additions", "Additions by the benchmark") != 0) {
      throw std::runtime_error("mmv_stats_registry");
    }
    void* const started = mmv_stats_start(registry);
    if (started == nullptr) throw std::runtime_error("mmv_stats_start");
    return started;
  }();
  pmAtomValue* const value = mmv_lookup_value_desc(file, "adds", "");
  if (value == nullptr) return state.SkipWithError("mmv_lookup_value_desc");
  for (auto _ : state) {
    mmv_inc(file, value);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(plain_increment_one)->Apply(one_and_all_cpus);
BENCHMARK(plain_increment_called_one)->Apply(one_and_all_cpus);
BENCHMARK(plain_increment_many)->Apply(one_and_all_cpus);
BENCHMARK(fetch_add_one)->Apply(one_and_all_cpus);
BENCHMARK(notch_add_one)->Apply(one_and_all_cpus);
BENCHMARK(notch_add_many)->Apply(one_and_all_cpus);
BENCHMARK(prometheus_cpp_increment_one)->Apply(one_and_all_cpus);
BENCHMARK(pcp_mmv_inc_one)->Apply(one_and_all_cpus);

}  // namespace
}  // namespace notch::bench
