#include "client/examples/otlp/http_client.h"

#include "client/examples/otlp/trace_messages.h"
#include "notch/version.h"

namespace otlp_demo {
namespace {

namespace http = boost::beast::http;

std::string head_of(const Endpoint& endpoint, std::size_t body_bytes) {
  return "POST " + endpoint.target + " HTTP/1.1\r\nHost: " + endpoint.authority +
         "\r\nUser-Agent: otlp-demo-cpp/" NOTCH_VERSION "\r\nContent-Type: " +
         std::string(kProtobufType) + "\r\nContent-Length: " + std::to_string(body_bytes) +
         "\r\n\r\n";
}

bool is_interim(unsigned status) {
  return status >= 100 && status < 200 && status != 101;
}

HttpAnswer answer_of(const http::response<http::string_body>& message) {
  const auto field = [&](http::field name) { return std::string(message[name]); };
  return {message.result_int(), field(http::field::content_type), field(http::field::retry_after),
          message.body()};
}

}  // namespace

TcpStream::Failure HttpClient::open(Clock::time_point deadline) {
  if (stream_.is_idle()) return {};
  stream_.close();
  Addresses addresses;
  if (!lookup_.find(addresses, deadline)) return ExportError::kTimeout;
  if (addresses.empty()) return ExportError::kNameResolution;
  return stream_.connect(addresses, deadline);
}

std::variant<HttpAnswer, NoAnswer> HttpClient::post(std::string_view body,
                                                    Clock::time_point deadline) {
  if (const auto failure = open(deadline)) return NoAnswer{*failure};
  std::string request = head_of(endpoint_, body.size());
  request += body;
  if (const auto failure = stream_.send(request, deadline)) return NoAnswer{*failure};
  return await_answer(deadline);
}

std::optional<NoAnswer> HttpClient::read(HttpMessage<false>& answer, std::string& bytes,
                                         Clock::time_point deadline) {
  Reading reading = answer.take(bytes);
  while (reading == Reading::kMore) {
    const std::size_t before = bytes.size();
    if (const auto failure = stream_.receive(bytes, deadline)) return NoAnswer{*failure};
    if (bytes.size() != before) {
      reading = answer.take(bytes);
    } else if (answer.take_end() == Reading::kWhole) {
      reading = Reading::kWhole;
    } else {
      return NoAnswer{ExportError::kConnectionClosed};
    }
  }
  if (reading == Reading::kWhole) return {};
  return NoAnswer{ExportError::kBadReply, reading == Reading::kBroken};
}

std::variant<HttpAnswer, NoAnswer> HttpClient::await_answer(Clock::time_point deadline) {
  for (std::string bytes;;) {
    HttpMessage<false> answer;
    if (const auto failure = read(answer, bytes, deadline)) {
      stream_.close();
      return *failure;
    }
    if (is_interim(answer.message().result_int())) continue;
    if (!answer.keeps_alive() || !bytes.empty()) stream_.close();
    return answer_of(answer.message());
  }
}

}  // namespace otlp_demo
