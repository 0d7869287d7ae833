#include "agent/http/http_request_reading.h"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "agent/http/request_target.h"

namespace notch::agent {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr const char* kOtherVersion = "HTTP version not supported\n";

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

std::string joined(const http::fields& fields, http::field name) {
  std::string all;
  const auto [begin, end] = fields.equal_range(name);
  for (auto line = begin; line != end; ++line) {
    if (!all.empty()) all += ", ";
    all += view(line->value());
  }
  return all;
}

std::optional<double> positive_number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(value) && value > 0 ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<Response> refusal_of(const beast::error_code& failure) {
  if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
    return text_response(431, "Request header too large\n");
  }
  if (failure == http::error::bad_version) return text_response(505, kOtherVersion);
  const bool of_http = failure.category() == make_error_code(http::error::bad_method).category();
  if (!of_http || failure == http::error::end_of_stream ||
      failure == http::error::partial_message) {
    return std::nullopt;
  }
  return text_response(400, "Bad request: " + failure.message() + "\n");
}

std::optional<Response> read_request(const http::request<http::empty_body>& head,
                                     const HttpOptions& options, Request& request) {
  if (head.version() != 10 && head.version() != 11) {
    return text_response(505, kOtherVersion);
  }
  const std::size_t hosts = head.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && head.version() == 11)) {
    return text_response(400, "Bad request: want one Host header\n");
  }
  // With any other framing of the body, nobody can tell where the next request begins.
  if (head.count(http::field::transfer_encoding) != 0 &&
      !beast::iequals(head[http::field::transfer_encoding], "chunked")) {
    return text_response(501, "Transfer-Encoding not supported\n");
  }
  RequestTarget target;
  const std::string broken_rule =
      parse_request_target(view(head.target()), options.max_query_parameters, target);
  if (!broken_rule.empty()) return text_response(400, "Bad request: " + broken_rule + "\n");
  request.method = view(head.method_string());
  request.path = std::move(target.path);
  request.query = std::move(target.query);
  request.accept = joined(head, http::field::accept);
  request.accept_encoding = joined(head, http::field::accept_encoding);
  request.authorization = view(head[http::field::authorization]);
  request.scrape_timeout_s = positive_number(view(head["X-Prometheus-Scrape-Timeout-Seconds"]));
  return std::nullopt;
}

}  // namespace notch::agent
