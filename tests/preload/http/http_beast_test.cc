// The machine against Boost.Beast's parser: both read the same random conversations, well-formed
// and with a byte changed, and what Beast accepts as messages the machine must tell as exchanges.
// Called by: ctest. NOTCH_SEED repeats a run.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>

#include "tests/preload/http/http_transcript.h"

namespace notch::testing {
namespace {

namespace http = boost::beast::http;

struct Message {
  std::string method;  // of a request
  unsigned status;     // of a response
  bool version_1_0;
  std::size_t body_bytes;
};

std::string known(const std::string& method) {
  static const char* const kKnown[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
  const bool is_known = std::find(std::begin(kKnown), std::end(kKnown), method) != std::end(kKnown);
  return is_known ? method : "_OTHER";
}

// One message off the front of `left`; false if Beast refuses it or it is not whole. A response
// without a length takes all that is left.
template <bool kRequest>
bool parse(std::string_view& left, bool to_head, Message& message) {
  http::parser<kRequest, http::string_body> parser;
  parser.eager(true);
  parser.body_limit(1U << 30);
  parser.header_limit(1U << 20);
  if constexpr (!kRequest) parser.skip(to_head);
  boost::system::error_code error;
  while (!parser.is_done() && !left.empty()) {
    const std::size_t used = parser.put(boost::asio::buffer(left.data(), left.size()), error);
    left.remove_prefix(used);
    if (error || used == 0) break;
  }
  if (!parser.is_done() && (error == http::error::need_more || !error) && parser.got_some()) {
    error = {};
    parser.put_eof(error);
  }
  if (error || !parser.is_done()) return false;
  // Beast overlooks a coding it does not know, and one in HTTP/1.0; RFC 9112, 6.3 does not.
  const bool coded = parser.get().count(http::field::transfer_encoding) != 0;
  if (coded && (!parser.chunked() || parser.get().version() == 10)) return false;
  message.version_1_0 = parser.get().version() == 10;
  message.body_bytes = parser.get().body().size();
  if constexpr (kRequest) message.method = known(std::string(parser.get().method_string()));
  if constexpr (!kRequest) {
    message.status = parser.get().result_int();
    if (message.status < 100) return false;  // Beast takes any three digits
  }
  return true;
}

class Conversation {
 public:
  explicit Conversation(std::mt19937_64& random) : random_(random) {
    const std::size_t exchanges = 1 + pick(kPendingLimit);
    for (std::size_t i = 0; i < exchanges; ++i) {
      static const char* const kMethods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
      const std::string method = kMethods[pick(std::size(kMethods))];
      requests += method + " " + target() + " HTTP/1.1\r\n" + fields();
      requests += method == "GET" || method == "HEAD" ? "\r\n" : body(false);
      if (pick(8) == 0) responses += "HTTP/1.1 100 Continue\r\n\r\n";
      static const char* const kAnswers[] = {"200 OK", "404 ", "204 No Content", "304 Not",
                                             "500 X"};
      const std::string answer = kAnswers[pick(std::size(kAnswers))];
      responses += "HTTP/1.1 " + answer + "\r\n" + fields();
      const bool never = answer.starts_with("204") || answer.starts_with("304");
      if (never || method == "HEAD") {
        responses += pick(2) == 0 || never ? "\r\n" : "Content-Length: 77\r\n\r\n";
      } else {
        responses += body(i + 1 == exchanges);
      }
    }
  }

  // One byte of either side becomes another one.
  void spoil() {
    std::string& side = pick(2) == 0 ? requests : responses;
    // No LF: alone it ends a line to the machine, and none to Beast.
    static const std::string kBytes = "\r\t :;,0129aAgzHP/\x01\xff";
    side[pick(side.size())] = kBytes[pick(kBytes.size())];
  }

  std::string requests;
  std::string responses;

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }

  std::string target() {
    static const char* const kTargets[] = {"/", "/a/b?c=d", "*", "http://h/x", "/%41//7"};
    return kTargets[pick(std::size(kTargets))];
  }

  std::string fields() {
    static const char* const kFields[] = {"Host: a\r\n",
                                          "Cookie: b=c; d\r\n",
                                          "Connection: close\r\n",
                                          "Expires: 0\r\n",
                                          "X-Content-Length: 9\r\n",
                                          "TE: trailers\r\n",
                                          "Content-Type: a/b\r\n",
                                          "X:\r\n",
                                          "Long: a\r\n b\r\n"};
    std::string text;
    for (std::size_t i = pick(5); i > 0; --i) text += kFields[pick(std::size(kFields))];
    return text;
  }

  std::string body(bool may_be_open) {
    const std::string bytes(pick(300), '{');  // in no token: no method is too long
    const std::size_t form = pick(may_be_open ? 4 : 3);
    if (form == 0) return "Content-Length: 0\r\n\r\n";
    if (form == 1) return "content-LENGTH:" + std::to_string(bytes.size()) + "\r\n\r\n" + bytes;
    if (form == 3) return "\r\n" + bytes;
    std::string text = pick(2) == 0 ? "Transfer-Encoding: chunked\r\n\r\n"
                                    : "transfer-encoding: gzip,  Chunked\r\n\r\n";
    for (std::size_t i = pick(4); i > 0; --i) {
      const std::size_t size = 1 + pick(40);
      char digits[32];
      std::snprintf(digits, sizeof(digits), pick(2) == 0 ? "%zx" : "%04zX", size);
      text += digits + std::string(pick(2) == 0 ? "" : ";name=\"value\"") + "\r\n";
      text += std::string(size, 'c') + "\r\n";
    }
    return text + "0\r\n" + (pick(2) == 0 ? "" : "Trailer: a\r\n") + "\r\n";
  }

  std::mt19937_64& random_;
};

// Exchanges as the machine writes them, without route and duration, as far as Beast accepts both
// sides; and whether that was to the end.
std::vector<std::string> by_beast(const Conversation& conversation, bool& whole) {
  std::string_view requests = conversation.requests;
  std::string_view responses = conversation.responses;
  std::vector<std::string> lines;
  whole = false;
  // The machine does not take a connection for HTTP that does not begin with a letter.
  if (std::isalpha(static_cast<unsigned char>(requests.front())) == 0) return lines;
  while (!requests.empty()) {
    Message request{};
    Message response{};
    if (!parse<true>(requests, false, request)) return lines;
    do {
      if (!parse<false>(responses, request.method == "HEAD", response)) return lines;
    } while (response.status < 200 && response.status != 101);
    lines.push_back(request.method + (request.version_1_0 ? " 1.0 " : " 1.1 ") +
                    std::to_string(response.status) + " " + std::to_string(request.body_bytes) +
                    ":" + std::to_string(response.body_bytes));
    if (response.status == 101) return lines;
  }
  whole = responses.empty();
  return lines;
}

std::vector<std::string> by_machine(const Conversation& conversation, std::mt19937_64& random) {
  HttpEvents events(random() % 2 == 0 ? HttpRole::kServer : HttpRole::kClient);
  for (const char kind : {'>', '<'}) {
    std::string_view left = kind == '>' ? conversation.requests : conversation.responses;
    while (!left.empty()) {
      const std::size_t piece = std::min<std::size_t>(left.size(), 1 + random() % 200);
      events.feed(kind, left.substr(0, piece), 0);
      left.remove_prefix(piece);
    }
  }
  events.feed('.', "", 0);
  std::vector<std::string> lines;
  for (const std::string& line : events.lines()) {
    if (line.starts_with("start ") || line.starts_with("lost ")) continue;
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    lines.push_back(line.substr(0, first) + line.substr(second, line.find(" untimed") - second));
  }
  return lines;
}

std::uint64_t seed() {
  const char* text = std::getenv("NOTCH_SEED");
  const std::uint64_t value = text != nullptr ? std::stoull(text) : std::random_device{}();
  std::printf("NOTCH_SEED=%llu\n", static_cast<unsigned long long>(value));
  return value;
}

TEST(HttpBeast, WellFormedConversationsAreToldAlike) {
  std::mt19937_64 random(seed());
  for (int i = 0; i < 3000; ++i) {
    const Conversation conversation(random);
    bool whole = false;
    const std::vector<std::string> expected = by_beast(conversation, whole);
    ASSERT_TRUE(whole) << conversation.requests << "\n---\n" << conversation.responses;
    ASSERT_EQ(by_machine(conversation, random), expected) << conversation.requests << "\n---\n"
                                                          << conversation.responses;
  }
}

TEST(HttpBeast, WhatBeastAcceptsOfASpoiltConversationIsToldAlike) {
  std::mt19937_64 random(seed());
  int compared = 0;
  for (int i = 0; i < 3000; ++i) {
    Conversation conversation(random);
    conversation.spoil();
    bool whole = false;
    const std::vector<std::string> expected = by_beast(conversation, whole);
    std::vector<std::string> told = by_machine(conversation, random);
    ASSERT_GE(told.size(), expected.size()) << conversation.requests << "\n---\n"
                                            << conversation.responses;
    told.resize(expected.size());
    ASSERT_EQ(told, expected) << conversation.requests << "\n---\n" << conversation.responses;
    compared += static_cast<int>(expected.size());
  }
  EXPECT_GT(compared, 3000);
}

}  // namespace
}  // namespace notch::testing
