// Takes batches off the queue and brings them to the collector; tries again with growing waits,
// and gives up in the end. Called by: worker, on a thread of its own.
//
// Invariants
//   E1  Each span taken is counted once as exported, success or failure, or once as left behind at
//       shutdown. Errors count each attempt that failed, by the spans it would have brought.
//   E2  run() returns within one attempt's deadline and one backoff after `give_up_at`.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <span>

#include "client/examples/otlp/span_metrics.h"
#include "client/examples/otlp/span_queue.h"
#include "client/examples/otlp/tcp_stream.h"

namespace otlp_demo {

class Exporter {
 public:
  Exporter(std::uint16_t port, const BatchRules& rules, SpanMetrics metrics, std::uint64_t seed)
      : port_(port), rules_(rules), metrics_(std::move(metrics)), random_(seed) {}

  // Until the queue is closed and empty.
  void run(SpanQueue& queue);

  // From now on no batch is begun after `time`. Called once, from another thread.
  void give_up_at(Clock::time_point time) { give_up_at_.store(time.time_since_epoch().count()); }

 private:
  void deliver(std::span<const Span> batch);
  TcpStream::Failure attempt(std::span<const Span> batch);
  TcpStream::Failure await_reply(Clock::time_point deadline);
  bool time_is_over() const {
    return Clock::now().time_since_epoch().count() >= give_up_at_.load();
  }

  const std::uint16_t port_;
  const BatchRules rules_;
  std::atomic<Clock::rep> give_up_at_{Clock::time_point::max().time_since_epoch().count()};

  // The exporter's thread alone.
  SpanMetrics metrics_;
  std::mt19937_64 random_;
  TcpStream stream_;
  std::uint64_t batch_id_ = 0;
};

}  // namespace otlp_demo
