// What all connections of a server share: routes, limits, authentication, counters, and the list of
// the connections themselves. Called by: http_connection, http_server. The loop's thread only.
//
// Invariants
//   V1  Every connection is in the list from its construction to its destruction.
//   V2  requests_in_flight counts a request from begin_request() to end_request(), which comes
//       after its response's last byte was taken or the connection was lost.
//   V3  After shut() no route is called any more.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/http_message.h"
#include "agent/http_options.h"
#include "agent/http_stats.h"
#include "agent/password_check.h"
#include "agent/web_security.h"

namespace notch::agent {

// A connection as the service sees it. None of the calls destroys it before they return.
class HttpPeer {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~HttpPeer() = default;

  // True while the client has to send something: a handshake, a request.
  virtual bool waits_for_client() const noexcept = 0;
  virtual Clock::time_point waits_since() const noexcept = 0;

  // Ends after the response under way, or at once if there is none.
  virtual void finish() = 0;
  virtual void abort() = 0;
};

class HttpService : public std::enable_shared_from_this<HttpService> {
 public:
  HttpService(boost::asio::io_context& loop, HttpOptions options, std::vector<Route> routes);

  // Reads the web configuration. Returns an empty string, or what is wrong with it.
  std::string open() { return security_file_.open(); }

  const HttpOptions& options() const noexcept { return options_; }
  HttpStats& stats() noexcept { return stats_; }
  std::shared_ptr<const WebSecurity> security() { return security_file_.current(); }
  bool reload() { return security_file_.reload(); }
  void warn(const std::string& text) const;

  // False: there is no room for another connection. Makes room, if it can, by cutting the one that
  // waits longest for its client.
  bool make_room();
  void join(HttpPeer* peer) { peers_.insert(peer); }
  void leave(HttpPeer* peer);

  // What is sent to a client. `in_flight`: it counts towards the limit until end_request().
  struct Answer {
    Response response;
    bool in_flight = false;
  };

  // A request with its whole head read. Checks who asks, then whether there is room, then calls the
  // route: who does not know the password takes nobody's place. `done` is called once, at once or
  // later, unless the service is shut before.
  void answer(Request request, std::function<void(Answer)> done);
  void end_request() noexcept { --stats_.requests_in_flight; }

  // From now on every response is its connection's last, and connections without one end.
  // `on_empty` is called, on the loop, when none is left.
  void stop(std::function<void()> on_empty);
  bool stopping() const noexcept { return stopping_; }
  void abort_all();
  void shut();

 private:
  Answer admitted(const Request& request);
  Response call_route(const Request& request);
  void report_if_empty();

  // Set by the constructor, constant after.
  boost::asio::io_context& loop_;
  const HttpOptions options_;

  std::map<std::string, Route> routes_;  // emptied by shut()
  HttpStats stats_;
  WebSecurityFile security_file_;
  PasswordCheck password_check_;
  std::unordered_set<HttpPeer*> peers_;
  bool stopping_ = false;
  std::function<void()> on_empty_;
};

}  // namespace notch::agent
