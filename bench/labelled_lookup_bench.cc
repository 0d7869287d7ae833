// What does it cost to find a series by its label values and add one to it, when no handle is kept?
// Run by: bench/run. Peer: prometheus-cpp's Family::Add(labels).Increment(), once with the labels
// made from the values at hand, as a caller has to, and once with labels made before (in its
// favour: nothing is left but its look-up). 144 series of three labels, asked for in random order.
#include <benchmark/benchmark.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/threads.h"
#include "notch/registry.h"

namespace notch::bench {
namespace {

struct LabelSet {
  std::string_view method;
  std::string_view route;
  std::string_view status;
};

constexpr std::size_t kLookUps = 4096;  // a power of two: taken around and around

constexpr std::array<std::string_view, 4> kMethods = {"GET", "PUT", "POST", "DELETE"};
constexpr std::array<std::string_view, 9> kRoutes = {"/",
                                                     "/login",
                                                     "/api/v1/users",
                                                     "/api/v1/users/{id}",
                                                     "/api/v1/orders",
                                                     "/api/v1/orders/{id}",
                                                     "/api/v1/orders/{id}/items",
                                                     "/api/v1/carts/{id}/checkout",
                                                     "/healthz"};
constexpr std::array<std::string_view, 4> kStatuses = {"200", "302", "404", "500"};

const std::vector<LabelSet>& look_ups() {
  static const std::vector<LabelSet> drawn = [] {
    std::mt19937 random(7);
    std::vector<LabelSet> sets(kLookUps);
    for (LabelSet& set : sets) {
      set = {kMethods[random() % kMethods.size()], kRoutes[random() % kRoutes.size()],
             kStatuses[random() % kStatuses.size()]};
    }
    return sets;
  }();
  return drawn;
}

prometheus::Labels labels_of(const LabelSet& set) {
  return {{"method", std::string(set.method)},
          {"route", std::string(set.route)},
          {"status", std::string(set.status)}};
}

prometheus::Family<prometheus::Counter>& prometheus_family() {
  static prometheus::Family<prometheus::Counter> family("bench_requests_total", "Requests.", {});
  return family;
}

void notch_with_and_add(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  static const Family<Counter> shared =
      counter_family({"bench_requests_total", "Requests.", {"method", "route", "status"}});
  const Family<Counter> family = shared;
  const LabelSet* sets = look_ups().data();
  std::size_t i = 0;
  for (auto _ : state) {
    const LabelSet& set = sets[i++ % kLookUps];
    family.with(set.method, set.route, set.status).add();
    benchmark::ClobberMemory();
  }
}

void prometheus_cpp_add_and_increment(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  auto& family = prometheus_family();
  const LabelSet* sets = look_ups().data();
  std::size_t i = 0;
  for (auto _ : state) {
    family.Add(labels_of(sets[i++ % kLookUps])).Increment();
    benchmark::ClobberMemory();
  }
}

void prometheus_cpp_add_made_before(benchmark::State& state) {
  const OwnCpu own_cpu(state);
  auto& family = prometheus_family();
  static const std::vector<prometheus::Labels> made = [] {
    std::vector<prometheus::Labels> labels;
    for (const LabelSet& set : look_ups()) labels.push_back(labels_of(set));
    return labels;
  }();
  std::size_t i = 0;
  for (auto _ : state) {
    family.Add(made[i++ % kLookUps]).Increment();
    benchmark::ClobberMemory();
  }
}

BENCHMARK(notch_with_and_add)->Apply(one_and_all_cpus);
BENCHMARK(prometheus_cpp_add_and_increment)->Apply(one_and_all_cpus);
BENCHMARK(prometheus_cpp_add_made_before)->Apply(one_and_all_cpus);

}  // namespace
}  // namespace notch::bench
