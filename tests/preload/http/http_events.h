// The HTTP machine under test: what it told as lines of text, and ways to cut what it is fed.
// Called by: the tests of client/preload/http/, tests/fuzz/http_machine_fuzz.cc.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/preload/http/http_machine.h"

namespace notch::testing {

using namespace preload;

// One side's bytes: '>' from the client to the server, '<' back; '+' and '-' are bodies of so many
// bytes as a decimal number that pass outside of memory, in the same directions; '.' is the close.
// Of the connection: ')' the peer's end and '!' a broken connection are read, '|' the own end and
// '?' a broken connection are written; '{' bytes that came in, and '}' went out, were missed.
struct HttpStep {
  char kind;
  std::string bytes;
};
using HttpSteps = std::vector<HttpStep>;

// A connection, a table of routes and the lines of what was told.
class HttpEvents {
 public:
  explicit HttpEvents(HttpRole role) : routes_(std::make_unique<HttpRoutes>()) {
    connection_.role = role;
    watch_ = {&observer_, routes_.get()};
    observer_ = {this, &HttpEvents::started, &HttpEvents::finished, &HttpEvents::lost};
  }
  HttpEvents(const HttpEvents&) = delete;

  // The bytes are a copy of exactly their size on the heap, so that a sanitizer sees any other.
  // `begun`: when the call that wrote them began, 0 for now.
  void feed(char kind, std::string_view bytes, std::uint64_t now, std::uint64_t begun = 0) {
    const bool server = connection_.role == HttpRole::kServer;
    if (kind == '.') return http_end(connection_, watch_, now);
    if (kind == ')' || kind == '!') return http_end_in(connection_, watch_, kind == '!', now);
    if (kind == '|' || kind == '?') return http_end_out(connection_, watch_, kind == '?', now);
    if (kind == '{' || kind == '}') return http_miss(connection_, watch_, kind == '{', now);
    const bool in = (kind == '>' || kind == '+') == server;
    if (kind == '+' || kind == '-') {
      const std::uint64_t count = std::stoull(std::string(bytes));
      return in ? http_body_in(connection_, watch_, count, now)
                : http_body_out(connection_, watch_, count, now);
    }
    std::unique_ptr<char[]> copy(new char[bytes.size()]);
    std::memcpy(copy.get(), bytes.data(), bytes.size());
    in ? http_in(connection_, watch_, copy.get(), bytes.size(), now)
       : http_out(connection_, watch_, copy.get(), bytes.size(), now, begun != 0 ? begun : now);
    if (std::memcmp(copy.get(), bytes.data(), bytes.size()) != 0) lines_.push_back("WROTE");
  }

  const std::vector<std::string>& lines() const { return lines_; }
  const HttpConnection& connection() const { return connection_; }
  HttpConnection& connection() { return connection_; }
  HttpRoutes& routes() { return *routes_; }
  HttpVerdict verdict() const { return connection_.verdict; }
  int active() const { return active_; }
  std::uint64_t losses() const { return losses_; }

  std::string route(HttpRouteId id) const {
    char text[kRouteTextBytes];
    return std::string(text, route_text(*routes_, id, text));
  }

 private:
  static void started(void* context, const HttpRequestStart& start) {
    auto& self = *static_cast<HttpEvents*>(context);
    ++self.active_;
    self.lines_.push_back("start " + std::string(name_of(start.method)) +
                          (start.secure ? " https" : ""));
  }
  static void finished(void* context, const HttpExchange& exchange) {
    constexpr const char* kErrors[] = {"", " no-answer", " cut-short"};
    auto& self = *static_cast<HttpEvents*>(context);
    --self.active_;
    const std::string route = self.route(exchange.route);
    self.lines_.push_back(
        std::string(name_of(exchange.method)) + " " + (route.empty() ? "-" : route) +
        (exchange.version_1_0 ? " 1.0 " : " 1.1 ") + std::to_string(exchange.status) + " " +
        std::to_string(exchange.request_body_bytes) + ":" +
        std::to_string(exchange.response_body_bytes) + " " +
        (exchange.timed ? std::to_string(exchange.duration) : "untimed") +
        kErrors[static_cast<int>(exchange.error)] + (exchange.presumed ? "?" : "") +
        (exchange.loss != HttpLoss::kNone ? std::string(" ") + word_of(exchange.loss) : ""));
  }
  static void lost(void* context, HttpRole role, HttpLoss loss) {
    auto& self = *static_cast<HttpEvents*>(context);
    ++self.losses_;
    self.lines_.push_back(std::string("lost ") + word_of(loss));
    if (role != self.connection_.role) self.lines_.push_back("OTHER ROLE");
  }
  static const char* word_of(HttpLoss loss) {
    constexpr const char* kWords[] = {"",        "pipelined", "contended", "framing",
                                      "unended", "unasked",   "unheard"};
    return kWords[static_cast<int>(loss)];
  }

  std::unique_ptr<HttpRoutes> routes_;
  HttpConnection connection_{};
  HttpObserver observer_{};
  HttpWatch watch_{};
  std::vector<std::string> lines_;
  int active_ = 0;
  std::uint64_t losses_ = 0;
};

}  // namespace notch::testing
