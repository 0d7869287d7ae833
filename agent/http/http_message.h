// A request as a route sees it, and the response a route gives: plain values, no sockets.
// Called by: http_service, http_connection, every route of the agent.
//
// Invariants
//   HM1  A request's path and query are percent-decoded; names keep their order and repetitions.
//   HM2  A response's body is a list of shared blocks that nobody changes any more: several
//        responses in flight may point at the same blocks, and they are never copied together.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace notch::agent {

struct QueryParameter {
  std::string name;
  std::string value;

  bool operator==(const QueryParameter&) const = default;
};

struct Request {
  std::string method;  // a route only ever sees GET and HEAD
  std::string path;
  std::vector<QueryParameter> query;
  std::string accept;           // repeated header lines joined by ", "; empty if absent
  std::string accept_encoding;  // likewise
  std::string authorization;
  std::optional<double> scrape_timeout_s;  // X-Prometheus-Scrape-Timeout-Seconds, if it is > 0
  std::string peer;                        // PeerName::text
  std::string party;                       // PeerName::party

  // The values of every parameter of that name, in order.
  std::vector<std::string> query_values(std::string_view name) const {
    std::vector<std::string> values;
    for (const QueryParameter& parameter : query) {
      if (parameter.name == name) values.push_back(parameter.value);
    }
    return values;
  }
};

using HeaderLine = std::pair<std::string, std::string>;
// Bytes, and what keeps them alive.
struct BodyBlock {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};

// Content-Length, Connection and Date are the server's to set. REQUIRES: no CR or LF in a header.
struct Response {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string content_encoding;  // empty: none
  std::vector<HeaderLine> headers;
  std::vector<BodyBlock> body;
  bool no_memory = false;  // a refusal that would be none if others' bodies were gone

  std::size_t body_bytes() const {
    std::size_t bytes = 0;
    for (const BodyBlock& block : body) bytes += block.bytes.size();
    return bytes;
  }
};

inline Response text_response(unsigned status, std::string text) {
  Response response;
  response.status = status;
  const auto owned = std::make_shared<const std::string>(std::move(text));
  response.body.push_back({owned, *owned});
  return response;
}

inline Response busy_response(std::string text) {
  Response response = text_response(503, std::move(text));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace notch::agent
