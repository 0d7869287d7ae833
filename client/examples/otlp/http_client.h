// Posts bodies to one endpoint over a connection that is kept while it can be. Called by: exporter.
//
// Invariants
//   CT1  post() returns by its deadline.
//   CT2  An answer is that of the request just sent: a connection on which anything else has come, or
//        of which the last answer was not read to its end, is not used again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "client/examples/otlp/endpoint.h"
#include "client/examples/otlp/export_outcome.h"
#include "client/examples/otlp/http_message.h"
#include "client/examples/otlp/tcp_stream.h"

namespace otlp_demo {

// No answer. One that is too large to read came from a collector that may have taken the spans.
struct NoAnswer {
  ExportError error;
  bool again = true;
};

class HttpClient {
 public:
  explicit HttpClient(Endpoint endpoint)
      : endpoint_(std::move(endpoint)), lookup_(endpoint_.host, endpoint_.port) {}

  std::variant<HttpAnswer, NoAnswer> post(std::string_view body, Clock::time_point deadline);

 private:
  TcpStream::Failure open(Clock::time_point deadline);
  std::variant<HttpAnswer, NoAnswer> await_answer(Clock::time_point deadline);
  std::optional<NoAnswer> read(HttpMessage<false>& answer, std::string& bytes,
                               Clock::time_point deadline);

  const Endpoint endpoint_;
  HostLookup lookup_;
  TcpStream stream_;
};

}  // namespace otlp_demo
