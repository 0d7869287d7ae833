// Takes batches off the queue and brings them to the collector; tries again with growing waits, or
// when the collector says, and gives up in the end. Called by: worker, on a thread of its own.
//
// Invariants
//   EX1  Each span taken is counted once as exported, success or failure, or once as left behind at
//        shutdown. Errors count each attempt that failed, by the spans it did not bring.
//   EX2  run() returns within one attempt's patience after `give_up_at`.
//   EX3  Nothing is sent before the time that the last Retry-After named, of this batch or the next.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <span>

#include "client/examples/otlp/export_outcome.h"
#include "client/examples/otlp/http_client.h"
#include "client/examples/otlp/span_metrics.h"
#include "client/examples/otlp/span_queue.h"

namespace otlp_demo {

class Exporter {
 public:
  Exporter(Endpoint endpoint, std::chrono::milliseconds patience, const BatchRules& rules,
           SpanMetrics metrics, std::uint64_t seed)
      : patience_(patience),
        rules_(rules),
        metrics_(std::move(metrics)),
        random_(seed),
        client_(std::move(endpoint)) {}

  // Until the queue is closed and empty.
  void run(SpanQueue& queue);

  // From now on no attempt is begun after `time`. Called once, from another thread.
  void give_up_at(Clock::time_point time);

 private:
  void deliver(std::span<const Span> batch);
  Outcome attempt(std::span<const Span> batch);
  // Until nothing forbids attempt number `attempt`; false if the time to give up comes first.
  bool wait_for_attempt(std::size_t attempt);

  const std::chrono::milliseconds patience_;  // with one attempt
  const BatchRules rules_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Clock::time_point give_up_at_ = Clock::time_point::max();  // under mutex_

  // The exporter's thread alone.
  SpanMetrics metrics_;
  std::mt19937_64 random_;
  HttpClient client_;
  Clock::time_point not_before_{};  // what the last Retry-After named
};

}  // namespace otlp_demo
