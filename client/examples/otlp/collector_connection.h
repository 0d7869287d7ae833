// One connection of the collector: bytes in, answers out, one request after the other.
// Called by: collector.
//
// Invariants
//   OC1  The next request is read only when the last one's answer has gone out.
//   OC2  No more is kept than one request within http_message's limits, and one answer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client/examples/otlp/batch_rules.h"
#include "client/examples/otlp/collector_reply.h"
#include "client/examples/otlp/http_message.h"

namespace otlp_demo {

struct CollectorDecision {
  bool hangs_up = false;
  CollectorReply reply{};
  Clock::duration wait{};  // before the answer goes out
};

class CollectorConnection {
 public:
  using Decide = std::function<CollectorDecision(const CollectorRequest&)>;

  CollectorConnection(int descriptor, Decide decide);
  CollectorConnection(const CollectorConnection&) = delete;
  CollectorConnection& operator=(const CollectorConnection&) = delete;
  ~CollectorConnection();

  int descriptor() const noexcept { return descriptor_; }
  // The events that poll waits for, and until when.
  short events() const;
  Clock::time_point wake_at() const;

  // Handles the events of poll. False: this connection is over.
  bool go_on(short events);

 private:
  bool receive();
  bool read_request();
  bool send_if_due();

  const int descriptor_;
  const Decide decide_;
  std::string received_;
  std::unique_ptr<HttpMessage<true>> request_;
  std::string answer_;  // empty: none is due
  Clock::time_point answer_at_;
  Clock::time_point last_heard_ = Clock::now();
  bool keeps_alive_ = true;
};

}  // namespace otlp_demo
