// What does it cost to observe a latency, in a classic histogram of 14 bounds and in a native one?
// Run by: bench/run. Peers: prometheus-cpp's Histogram with the same bounds and latencies; private
// histograms without threads in mind, one that searches its bounds as the standard library does and
// one by our own look-up. PCP's library has no histogram.
//
// Every latency of a row goes to one histogram, and so to one sum: an addition of doubles in memory
// waits for the one before. plain_sum_one is that wait alone, the limit of whatever keeps a sum.
// In the `many` rows latencies go around 64 histograms, and what counts is the work.
#include <benchmark/benchmark.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/latencies.h"
#include "bench/threads.h"
#include "notch/registry.h"

namespace notch::bench {
namespace {

constexpr std::array kBounds = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                0.5,   0.75, 1.0,   2.5,  5.0,   7.5, 10.0};

constexpr std::size_t kMany = 64;

struct PlainHistogram {
  std::array<std::uint64_t, kBounds.size() + 1> buckets{};
  double sum = 0;
};

// Calls observe(latency, i), i = 0, 1, .. once per iteration.
template <class Observe>
void observe_all(benchmark::State& state, Observe observe) {
  const OwnCpu own_cpu(state);
  const auto& latencies = latencies_s();
  std::size_t i = 0;
  for (auto _ : state) {
    observe(latencies[i % kLatencies], i);
    ++i;
    benchmark::ClobberMemory();
  }
}

void plain_sum_one(benchmark::State& state) {
  const auto histogram = std::make_unique<PlainHistogram>();
  benchmark::DoNotOptimize(histogram.get());
  observe_all(state, [&](double value, std::size_t) { histogram->sum += value; });
}

void plain_observe_one(benchmark::State& state) {
  const auto histogram = std::make_unique<PlainHistogram>();
  benchmark::DoNotOptimize(histogram.get());
  observe_all(state, [&](double value, std::size_t) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
    ++histogram->buckets[static_cast<std::size_t>(bound - kBounds.begin())];
    histogram->sum += value;
  });
}

Family<Histogram> classic_family() {
  return histogram_family({"bench_classic_seconds", "Latencies.", {"number"}}, Buckets(kBounds));
}

// A handle is a notch_series, whose detail is the table.
const BucketTable* our_table() {
  static_assert(sizeof(Histogram) == sizeof(notch_series));
  const auto series = std::bit_cast<notch_series>(classic_family().with("one"));
  return static_cast<const BucketTable*>(series.detail);
}

void observe_plainly(PlainHistogram& histogram, const BucketTable& table, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t slot = table.slot(bits);
  const std::uint64_t bucket =
      slot < table.slot_count ? table.bucket_in_slot(slot, bits) : table.search(value);
  ++histogram.buckets[bucket];
  histogram.sum += value;
}

void plain_observe_our_look_up_one(benchmark::State& state) {
  const auto histogram = std::make_unique<PlainHistogram>();
  benchmark::DoNotOptimize(histogram.get());
  const BucketTable* const table = our_table();
  observe_all(state,
              [&](double value, std::size_t) { observe_plainly(*histogram, *table, value); });
}

void plain_observe_our_look_up_many(benchmark::State& state) {
  const auto histograms = std::make_unique<std::array<PlainHistogram, kMany>>();
  PlainHistogram* first = histograms->data();
  benchmark::DoNotOptimize(first);
  const BucketTable* const table = our_table();
  observe_all(state, [=](double value, std::size_t i) {
    observe_plainly(first[i % kMany], *table, value);
  });
}

template <class M>
std::array<M, kMany> many_of(Family<M> family) {
  std::array<M, kMany> all;
  for (std::size_t i = 0; i < kMany; ++i) all[i] = family.with(std::to_string(i));
  return all;
}

void notch_classic_observe_one(benchmark::State& state) {
  static const Histogram shared = classic_family().with("one");
  observe_all(
      state, [histogram = shared](double value, std::size_t) mutable { histogram.observe(value); });
}

void notch_classic_observe_many(benchmark::State& state) {
  static const auto shared = many_of(classic_family());
  observe_all(state, [histograms = shared](double value, std::size_t i) mutable {
    histograms[i % kMany].observe(value);
  });
}

Family<NativeHistogram> native_family() {
  return native_histogram_family({"bench_native_seconds", "Latencies.", {"number"}});
}

void notch_native_observe_one(benchmark::State& state) {
  static const NativeHistogram shared = native_family().with("one");
  observe_all(
      state, [histogram = shared](double value, std::size_t) mutable { histogram.observe(value); });
}

void notch_native_observe_many(benchmark::State& state) {
  static const auto shared = many_of(native_family());
  observe_all(state, [histograms = shared](double value, std::size_t i) mutable {
    histograms[i % kMany].observe(value);
  });
}

prometheus::Family<prometheus::Histogram>& peer_family() {
  static prometheus::Family<prometheus::Histogram> family("bench_seconds", "Latencies.", {});
  return family;
}

prometheus::Histogram* peer_histogram(const std::string& number) {
  return &peer_family().Add({{"number", number}}, prometheus::Histogram::BucketBoundaries(
                                                      kBounds.begin(), kBounds.end()));
}

void prometheus_cpp_observe_one(benchmark::State& state) {
  static prometheus::Histogram* const histogram = peer_histogram("one");
  observe_all(state, [](double value, std::size_t) { histogram->Observe(value); });
}

void prometheus_cpp_observe_many(benchmark::State& state) {
  static const auto histograms = [] {
    std::array<prometheus::Histogram*, kMany> all;
    for (std::size_t i = 0; i < kMany; ++i) all[i] = peer_histogram(std::to_string(i));
    return all;
  }();
  observe_all(state, [](double value, std::size_t i) { histograms[i % kMany]->Observe(value); });
}

BENCHMARK(plain_sum_one)->Apply(one_and_all_cpus);
BENCHMARK(plain_observe_one)->Apply(one_and_all_cpus);
BENCHMARK(plain_observe_our_look_up_one)->Apply(one_and_all_cpus);
BENCHMARK(plain_observe_our_look_up_many)->Apply(one_and_all_cpus);
BENCHMARK(notch_classic_observe_one)->Apply(one_and_all_cpus);
BENCHMARK(notch_classic_observe_many)->Apply(one_and_all_cpus);
BENCHMARK(notch_native_observe_one)->Apply(one_and_all_cpus);
BENCHMARK(notch_native_observe_many)->Apply(one_and_all_cpus);
BENCHMARK(prometheus_cpp_observe_one)->Apply(one_and_all_cpus);
BENCHMARK(prometheus_cpp_observe_many)->Apply(one_and_all_cpus);

}  // namespace
}  // namespace notch::bench
