// An instrumented program with one of everything, whose numbers stand still while two readers look.
// Called by: format_agreement_test.py. Every line on stdin is one more round of adds; it answers
// "round N" when the round is over, and ends in order when stdin does.
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "notch/registry.h"

namespace {

constexpr int kThreads = 4;
constexpr int kAddsOfAThread = 1000;

struct Metrics {
  notch::Family<notch::Counter> requests = notch::counter_family(
      {"agreement_requests_total", "Requests \"by\" path,\nwith a \\ in it.", {"path", "method"}});
  notch::Family<notch::Counter> few =
      notch::counter_family({"agreement_few_total", "Two series at most.", {"n"}, "", 2});
  notch::FloatCounter spent =
      notch::float_counter({"agreement_spent_seconds_total", "Time spent.", {}, "seconds"});
  notch::UpDownCounter queued = notch::up_down_counter({"agreement_queued", "In the queue."});
  notch::Gauge sum = notch::gauge({"agreement_added", "Of mode sum."});
  notch::Gauge min = notch::gauge({"agreement_least", "Of mode min."}, notch::GaugeMode::kMin);
  notch::Gauge max = notch::gauge({"agreement_most", "Of mode max."}, notch::GaugeMode::kMax);
  notch::Gauge last = notch::gauge({"agreement_last", "Of mode last."}, notch::GaugeMode::kLast);
  notch::Family<notch::Gauge> each =
      notch::gauge_family({"agreement_each", "Of mode each.", {"of"}}, notch::GaugeMode::kEach);
  notch::Histogram wait =
      notch::histogram({"agreement_wait_seconds", "Waiting."}, {-1, 0, 0.1, 0.25, 2.5, 1e6});
  notch::Family<notch::NativeHistogram> size =
      notch::native_histogram_family({"agreement_size_bytes", "Sizes.", {"kind"}});
  notch::NativeHistogram coarse =
      notch::native_histogram({"agreement_coarse", "Schema below zero."}, {-1, 0.25});
};

const std::vector<std::string>& odd_texts() {
  static const std::vector<std::string> texts = {"plain",       "",
                                                 "\"quoted\"",  "back\\slash\\",
                                                 "two\nlines",  "caf\u00e9 \U0001f600",
                                                 "\\n\"\n\\\"", "le=\"1\",}"};
  return texts;
}

// What one thread does in one round. Sums of thirds are inexact on purpose.
void count(Metrics& metrics, int thread, int round) {
  for (int i = 0; i < kAddsOfAThread; ++i) {
    const double x = (i - 300) / 3.0 * (thread + 1) * round;
    for (const std::string& text : odd_texts()) metrics.requests.with(text, "GET").add();
    metrics.spent.add(i / 3.0);
    metrics.queued.subtract(thread);
    metrics.wait.observe(x / 100);
    metrics.size.with("both").observe(x);
    metrics.size.with("small").observe(x * 1e-30);
    metrics.coarse.observe(x);
  }
}

void count_alone(Metrics& metrics, int round) {
  metrics.requests.with("large", "PUT").add(std::uint64_t{1} << 60);
  metrics.requests.with("of round " + std::to_string(round), "GET").add();  // a new series
  for (int n = 0; n < 5; ++n) metrics.few.with(std::to_string(n)).add();
  metrics.sum.set(-0.0);
  if (round > 1) metrics.sum.set(round / 3.0);
  metrics.min.set(-1e300 / round);
  metrics.max.set(5e-324 * round);
  metrics.last.set(round);
  metrics.each.with("set").add(round * 0.1);
  metrics.each.with("never");
}

}  // namespace

int main() {
  Metrics metrics;
  int round = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++round;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back(count, std::ref(metrics), i, round);
    }
    for (std::thread& thread : threads) thread.join();
    count_alone(metrics, round);
    std::cout << "round " << round << std::endl;
  }
  return 0;
}
