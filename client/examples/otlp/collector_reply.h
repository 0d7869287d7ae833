// The collector's answer to a request, by the protocol's rules and by the mood it is in. Values only. Called by: collector_connection, tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace otlp_demo {

struct CollectorRequest {
  std::string method;
  std::string target;
  std::string content_type;
  std::string content_encoding;
  std::string body;
};

// How a request that breaks no rule is answered.
struct CollectorMood {
  unsigned status = 200;
  std::optional<std::chrono::seconds> retry_after{};
  bool takes_all = true;  // false: it takes half of the spans, and says so
};

struct CollectorReply {
  unsigned status = 200;
  std::optional<std::chrono::seconds> retry_after{};
  std::string body{};
  std::size_t taken = 0;    // spans that the collector has
  std::size_t refused = 0;  // spans of a request that it answered with a partial success
};

CollectorReply reply_to(const CollectorRequest& request, const CollectorMood& mood);

// The answer's bytes.
std::string to_http(const CollectorReply& reply, bool keep_alive);

}  // namespace otlp_demo
