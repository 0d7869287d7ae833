// What does it cost to observe a latency, in a classic histogram of 14 bounds and in a native one?
// Run by: bench/run. Peers: a private histogram without threads in mind (the limit),
// prometheus-cpp's Histogram with the same bounds. PCP's library has no histogram.
#include <benchmark/benchmark.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "bench/latencies.h"
#include "bench/threads.h"
#include "notch/registry.h"

namespace notch::bench {
namespace {

constexpr std::array kBounds = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                0.5,   0.75, 1.0,   2.5,  5.0,   7.5, 10.0};

struct PlainHistogram {
  std::array<std::uint64_t, kBounds.size() + 1> buckets{};
  double sum = 0;
};

// Calls observe(latency) once per iteration.
template <class Observe>
void observe_all(benchmark::State& state, Observe observe) {
  const auto& latencies = latencies_s();
  std::size_t i = 0;
  for (auto _ : state) {
    observe(latencies[i++ % kLatencies]);
    benchmark::ClobberMemory();
  }
}

void plain_observe(benchmark::State& state) {
  const auto histogram = std::make_unique<PlainHistogram>();
  benchmark::DoNotOptimize(histogram.get());
  observe_all(state, [&](double value) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
    ++histogram->buckets[static_cast<std::size_t>(bound - kBounds.begin())];
    histogram->sum += value;
  });
}

void notch_classic_observe(benchmark::State& state) {
  static const Histogram shared =
      histogram({"bench_classic_seconds", "Latencies."}, Buckets(kBounds));
  observe_all(state, [histogram = shared](double value) mutable { histogram.observe(value); });
}

void notch_native_observe(benchmark::State& state) {
  static const NativeHistogram shared = native_histogram({"bench_native_seconds", "Latencies."});
  observe_all(state, [histogram = shared](double value) mutable { histogram.observe(value); });
}

void prometheus_cpp_observe(benchmark::State& state) {
  static prometheus::Histogram histogram(
      prometheus::Histogram::BucketBoundaries(kBounds.begin(), kBounds.end()));
  observe_all(state, [](double value) { histogram.Observe(value); });
}

BENCHMARK(plain_observe)->Apply(one_and_all_cpus);
BENCHMARK(notch_classic_observe)->Apply(one_and_all_cpus);
BENCHMARK(notch_native_observe)->Apply(one_and_all_cpus);
BENCHMARK(prometheus_cpp_observe)->Apply(one_and_all_cpus);

}  // namespace
}  // namespace notch::bench
