// Judges a collector's answer to a batch by the rules of OTLP/HTTP: how much it took, and whether and
// when the rest may be sent again. Values only. Called by: exporter, tests.
//
// Invariants
//   EO1  Sent again is only what the collector certainly did not take, or may not have seen: after 429,
//        502, 503 and 504, and where no answer came. A partial success is never sent again.
//   EO2  taken is never more than the batch, whatever the answer claims.
#pragma once

#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "client/examples/otlp/span.h"

namespace otlp_demo {

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string retry_after;
  std::string body;
};

struct Outcome {
  std::size_t taken = 0;               // spans of the batch that the collector has
  std::optional<ExportError> error{};  // why it has not the others
  bool again = false;                  // the others may be sent again
  std::optional<std::chrono::seconds> retry_after{};
};

// No server can make an exporter wait longer.
inline constexpr std::chrono::seconds kLongestRetryAfter{300};

// `now` is what an HTTP-date in Retry-After is held against.
Outcome outcome_of(const HttpAnswer& answer, std::size_t spans, std::time_t now);

// Retry-After's two forms: seconds, or an HTTP-date in any of its three. Nothing if it is neither.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, std::time_t now);

}  // namespace otlp_demo
