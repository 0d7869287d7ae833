// Latencies to observe, drawn once: a log-normal of median 50 ms, so that neither a branch nor a
// cache line is known beforehand. The same numbers in every run.
// Called by: histogram_observe_bench.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <random>

namespace notch::bench {

inline constexpr std::size_t kLatencies = 4096;  // a power of two: taken around and around

inline const std::array<double, kLatencies>& latencies_s() {
  static const std::array<double, kLatencies> drawn = [] {
    std::mt19937_64 random(20'240'601);
    std::lognormal_distribution<double> latency(std::log(0.05), 1.2);
    std::array<double, kLatencies> values;
    for (double& value : values) value = latency(random);
    return values;
  }();
  return drawn;
}

}  // namespace notch::bench
