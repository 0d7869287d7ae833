#include "client/examples/otlp/exporter.h"

#include <algorithm>
#include <ctime>

#include "client/examples/otlp/trace_messages.h"

namespace otlp_demo {

void Exporter::give_up_at(Clock::time_point time) {
  const std::lock_guard lock(mutex_);
  give_up_at_ = time;
  changed_.notify_all();
}

bool Exporter::wait_for_attempt(std::size_t attempt) {
  const double jitter = std::uniform_real_distribution<>(0, 1)(random_);
  const Clock::time_point time =
      std::max(not_before_, Clock::now() + backoff(rules_, attempt, jitter));
  std::unique_lock lock(mutex_);
  for (;;) {
    const Clock::time_point now = Clock::now();
    if (now >= give_up_at_) return false;
    if (now >= time) return true;
    changed_.wait_until(lock, std::min(time, give_up_at_));
  }
}

void Exporter::run(SpanQueue& queue) {
  for (;;) {
    const std::vector<Span> batch = queue.take_batch();
    if (batch.empty()) break;
    metrics_.queue_size(queue.size());
    if (wait_for_attempt(0)) {
      deliver(batch);
    } else {
      metrics_.spans_refused(ExportError::kShutdown, batch.size());
    }
  }
  metrics_.queue_size(0);
}

void Exporter::deliver(std::span<const Span> batch) {
  metrics_.batch_begun(batch.size());
  Outcome outcome;
  for (std::size_t i = 0; i < rules_.attempts && (i == 0 || wait_for_attempt(i)); ++i) {
    const Clock::time_point begun = Clock::now();
    outcome = attempt(batch);
    const Clock::time_point ended = Clock::now();
    metrics_.attempt_ended(std::chrono::duration<double>(ended - begun).count(), batch.front());
    if (outcome.retry_after) not_before_ = ended + *outcome.retry_after;
    if (outcome.error) metrics_.spans_refused(*outcome.error, batch.size() - outcome.taken);
    if (!outcome.again) break;
  }
  const std::size_t lost = batch.size() - outcome.taken;
  if (outcome.taken > 0) metrics_.spans_exported(Status::kSuccess, outcome.taken);
  if (lost > 0) metrics_.spans_exported(Status::kFailure, lost);
}

Outcome Exporter::attempt(std::span<const Span> batch) {
  const auto answer = client_.post(export_request(batch), Clock::now() + patience_);
  if (const auto* const none = std::get_if<NoAnswer>(&answer)) {
    return {.error = none->error, .again = none->again};
  }
  return outcome_of(std::get<HttpAnswer>(answer), batch.size(), std::time(nullptr));
}

}  // namespace otlp_demo
