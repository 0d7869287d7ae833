// Bytes of a connection into one HTTP/1 message after the other, in either direction: Boost.Beast's
// parser under limits. Knows no sockets. Called by: http_client, collector_connection, tests.
//
// Invariants
//   OM1  No more is kept than a head and a body of their limits, however the other side frames them.
//   OM2  What Beast overlooks is an error: a transfer coding other than chunked, and chunked in HTTP/1.0.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace otlp_demo {

inline constexpr std::uint32_t kMaxHeadBytes = 16 * 1024;
inline constexpr std::uint64_t kMaxBodyBytes = 4 * 1024 * 1024;

enum class Reading : std::uint8_t { kMore, kWhole, kBroken, kTooLarge };

template <bool kIsRequest>
class HttpMessage {
 public:
  using Parser = boost::beast::http::parser<kIsRequest, boost::beast::http::string_body>;

  HttpMessage() {
    parser_.eager(true);
    parser_.header_limit(kMaxHeadBytes);
    parser_.body_limit(kMaxBodyBytes);
  }

  // Takes off the front of `bytes` what belongs to this message.
  Reading take(std::string& bytes) {
    std::string_view left = bytes;
    boost::system::error_code error;
    while (!left.empty() && !parser_.is_done()) {
      const std::size_t used = parser_.put(boost::asio::buffer(left.data(), left.size()), error);
      left.remove_prefix(used);
      if (error || used == 0) break;
    }
    bytes.erase(0, bytes.size() - left.size());
    return judge(error, bytes.size());
  }

  // The other side has ended: a body without a length is whole then.
  Reading take_end() {
    boost::system::error_code error;
    if (parser_.got_some()) parser_.put_eof(error);
    const Reading reading = judge(error, 0);
    return reading == Reading::kMore ? Reading::kBroken : reading;
  }

  bool keeps_alive() const { return parser_.keep_alive(); }
  // REQUIRES: kWhole.
  const typename Parser::value_type& message() const { return parser_.get(); }

 private:
  Reading judge(const boost::system::error_code& error, std::size_t left) const {
    namespace http = boost::beast::http;
    if (error == http::error::body_limit || error == http::error::header_limit) {
      return Reading::kTooLarge;
    }
    if (error && error != http::error::need_more) return Reading::kBroken;
    if (parser_.is_header_done() && parser_.get().count(http::field::transfer_encoding) != 0 &&
        (!parser_.chunked() || parser_.get().version() != 11)) {
      return Reading::kBroken;
    }
    if (parser_.is_done()) return Reading::kWhole;
    // A line of a chunk or of a trailer that does not end.
    return left > kMaxHeadBytes ? Reading::kTooLarge : Reading::kMore;
  }

  Parser parser_;
};

}  // namespace otlp_demo
