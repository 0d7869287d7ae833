#include "client/examples/otlp/span_queue.h"

namespace otlp_demo {

bool SpanQueue::push(const Span& span) {
  const std::lock_guard lock(mutex_);
  if (closed_ || spans_.size() >= capacity_) return false;
  spans_.push_back({span, Clock::now()});
  // The exporter sleeps until the first span's patience is over or a batch is full: no other span
  // need wake it.
  if (spans_.size() == 1 || spans_.size() == rules_.size) changed_.notify_one();
  return true;
}

std::vector<Span> SpanQueue::take_batch() {
  std::unique_lock lock(mutex_);
  std::size_t due = 0;
  for (;;) {
    if (spans_.empty()) {
      if (closed_) return {};
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point oldest = spans_.front().since;
    due = closed_ ? std::min(spans_.size(), rules_.size)
                  : batch_due(rules_, spans_.size(), oldest, Clock::now());
    if (due > 0) break;
    changed_.wait_until(lock, oldest + rules_.patience);
  }
  std::vector<Span> batch;
  batch.reserve(due);
  for (; due > 0; --due) {
    batch.push_back(spans_.front().span);
    spans_.pop_front();
  }
  return batch;
}

std::size_t SpanQueue::size() const {
  const std::lock_guard lock(mutex_);
  return spans_.size();
}

void SpanQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace otlp_demo
