// Bounds for classic histograms: explicit, linear, exponential, and the defaults of the field.
//
// Use:
//   const auto sizes = notch::Buckets::exponential(256, 4, 8);  // 256 bytes to 4 MiB
//   notch::Histogram answers = notch::histogram({"answer_bytes", "Size of an answer."}, sizes);
//   notch::Histogram waits = notch::histogram({"wait_seconds", "Wait."}, {0.001, 0.01, 0.1});
//   answers.observe(1500);
//   waits.observe(0.02);
#pragma once

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

namespace notch {

// Upper bounds, inclusive, in the metric's unit; the bucket +Inf is always there and not among
// them. Rules, checked at definition: 1 to 256 of them, finite, strictly increasing.
class Buckets {
 public:
  // These and no others.
  Buckets(std::initializer_list<double> bounds) : bounds_(bounds) {}
  explicit Buckets(std::span<const double> bounds) : bounds_(bounds.begin(), bounds.end()) {}

  // start, start + width, ...: `count` of them.
  static Buckets linear(double start, double width, std::size_t count) {
    Buckets buckets{};
    for (std::size_t i = 0; i < count; ++i) {
      buckets.bounds_.push_back(start + static_cast<double>(i) * width);
    }
    return buckets;
  }

  // start, start * factor, start * factor^2, ...: `count` of them.
  static Buckets exponential(double start, double factor, std::size_t count) {
    Buckets buckets{};
    for (std::size_t i = 0; i < count; ++i) {
      buckets.bounds_.push_back(start * std::pow(factor, static_cast<double>(i)));
    }
    return buckets;
  }

  // Seconds, the 14 bounds OpenTelemetry advises for http.server.request.duration.
  static Buckets latency_seconds() {
    return {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};
  }

  std::span<const double> bounds() const noexcept { return bounds_; }

 private:
  std::vector<double> bounds_;
};

}  // namespace notch
