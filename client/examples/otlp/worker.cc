#include "client/examples/otlp/worker.h"

#include <signal.h>

#include <cstdio>
#include <random>
#include <stop_token>
#include <thread>

#include "client/examples/otlp/exporter.h"
#include "notch/health.h"

namespace otlp_demo {
namespace {

constexpr std::size_t kQueueCapacity = 1000;
constexpr std::chrono::seconds kLastDeliveries{2};
constexpr std::chrono::milliseconds kTooLong{200};  // a span that took so long has failed

class Producer {
 public:
  Producer(SpanMetrics metrics, SpanQueue& queue, std::uint64_t seed)
      : metrics_(std::move(metrics)), queue_(queue), random_(seed) {}

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) make_span();
  }

 private:
  std::uint64_t below(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
  }

  template <std::size_t N>
  void fill(std::array<std::uint8_t, N>& id) {
    for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random_());
  }

  void make_span() {
    Span span;
    fill(span.trace_id);
    fill(span.span_id);
    span.service = static_cast<std::uint8_t>(below(kServices.size()));
    span.kind = static_cast<std::uint8_t>(below(kKinds.size()));
    span.start_unix_ns =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
    metrics_.span_created(span);
    const Clock::time_point begun = Clock::now();
    work();
    const Clock::duration took = Clock::now() - begun;
    span.duration_ns = static_cast<std::uint64_t>(took.count());
    span.failed = took >= kTooLong;
    metrics_.span_ended(span);
    if (!queue_.push(span)) metrics_.spans_refused(ExportError::kQueueFull, 1);
    metrics_.queue_size(queue_.size());
  }

  // The work that a span times: a hash (FNV-1a) over some data, and usually a short wait.
  void work() {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::uint64_t left = 1024 + below(16 * 1024); left > 0; --left) {
      hash = (hash ^ (left & 0xff)) * 0x100000001b3;
    }
    hash_ = hash;
    const std::uint64_t dice = below(1000);
    const std::uint64_t wait_us = dice < 850 ? below(4'000) : dice < 995 ? below(20'000) : 200'000;
    std::this_thread::sleep_for(std::chrono::microseconds(wait_us));
  }

  SpanMetrics metrics_;
  SpanQueue& queue_;
  std::mt19937_64 random_;
  volatile std::uint64_t hash_ = 0;  // so that the work is done
};

void wait_for_sigterm() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  int signal = 0;
  while (sigwait(&set, &signal) != 0 || signal != SIGTERM) {
  }
}

}  // namespace

int run_worker(const WorkerPlan& plan) {
  notch::Status status;
  TruthSlot& truth = *plan.truth;
  const SpanMetrics metrics(truth.lanes[kExporterLane], plan.native, status);
  if (!status.ok()) {
    std::fprintf(stderr, "otlp_demo: %s\n", std::string(status.message()).c_str());
    return kWorkerRefused;
  }
  truth.attached.store(notch::health().attached != 0 ? 1 : 0);
  truth.ready.store(1);

  const BatchRules rules;
  SpanQueue queue(kQueueCapacity, rules);
  Exporter exporter(plan.collector, plan.export_patience, rules, metrics, plan.seed);
  std::jthread exporting([&] { exporter.run(queue); });
  {
    std::array<std::jthread, kProducers> producing;
    for (std::size_t i = 0; i < kProducers; ++i) {
      producing[i] = std::jthread([&, i](const std::stop_token& stop) {
        Producer(metrics.with_lane(truth.lanes[i]), queue, plan.seed + i + 1).run(stop);
      });
    }
    wait_for_sigterm();
    for (std::jthread& thread : producing) thread.request_stop();
  }
  exporter.give_up_at(Clock::now() + kLastDeliveries);
  queue.close();
  return 0;
}

}  // namespace otlp_demo
