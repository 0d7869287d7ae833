// The bounded queue between the threads that make spans and the one that exports them.
// Called by: worker (pushes), exporter (takes).
//
// Invariants
//   QU1  Never more than `capacity` spans wait; push() refuses the next one and does not block.
//   QU2  After close() nothing is taken in; what is in it is still handed out, without patience.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "client/examples/otlp/batch_rules.h"
#include "client/examples/otlp/span.h"

namespace otlp_demo {

// Thread-safe.
class SpanQueue {
 public:
  SpanQueue(std::size_t capacity, const BatchRules& rules) : capacity_(capacity), rules_(rules) {}

  // False if it is full or closed.
  bool push(const Span& span);

  // Waits until a batch is due and takes it. Empty: closed, and nothing is left.
  std::vector<Span> take_batch();

  std::size_t size() const;
  void close();

 private:
  struct Waiting {
    Span span;
    Clock::time_point since;
  };

  const std::size_t capacity_;
  const BatchRules rules_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> spans_;  // under mutex_
  bool closed_ = false;        // under mutex_
};

}  // namespace otlp_demo
