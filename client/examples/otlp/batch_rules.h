// When a batch is sent, and how long to wait before it is sent again. Values only.
// Called by: collector_connection, host_lookup, span_queue, supervisor, tcp_stream.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace otlp_demo {

using Clock = std::chrono::steady_clock;

struct BatchRules {
  std::size_t size = 256;                       // this many spans are a batch at once
  std::chrono::milliseconds patience{200};      // fewer are one once the oldest has waited so long
  std::size_t attempts = 6;                     // then the batch is given up
  std::chrono::milliseconds first_backoff{50};  // doubled for each further attempt
  std::chrono::milliseconds longest_backoff{800};
};

// How many of `waiting` spans to send now; 0: none yet. `oldest` is when the first of them came.
inline std::size_t batch_due(const BatchRules& rules, std::size_t waiting, Clock::time_point oldest,
                             Clock::time_point now) {
  if (waiting >= rules.size) return rules.size;
  return waiting > 0 && now - oldest >= rules.patience ? waiting : 0;
}

// The wait before attempt number `attempt` (the first is 0). `jitter` is in [0, 1): workers that
// failed together do not come back together.
inline Clock::duration backoff(const BatchRules& rules, std::size_t attempt, double jitter) {
  if (attempt == 0) return Clock::duration::zero();
  const std::size_t doublings = std::min<std::size_t>(attempt - 1, 16);
  const auto whole = std::min<std::chrono::milliseconds>(
      rules.first_backoff * (std::int64_t{1} << doublings), rules.longest_backoff);
  return std::chrono::duration_cast<Clock::duration>(whole * (0.5 + 0.5 * jitter));
}

}  // namespace otlp_demo
