// The parts that all connections of a server share: routes, limits, authentication, counters, and the
// list of the connections themselves. Called by: http_connection, http_server. The loop's thread only.
//
// Invariants
//   HV1  Every connection is in the list from its construction to its destruction.
//   HV2  requests_in_flight counts a request from its admission to end_request(), which comes after
//        its response's last byte was taken or the connection was lost.
//   HV3  After shut() no route is called any more.
//   HV4  A request waits for room while a connection that was cut for it has not ended, and before
//        anybody can be cut for place_wait at most. Of max_waiting that wait, those of the party with
//        least come first, and those of the party with most are refused for others.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/http/displacement.h"
#include "agent/http/http_message.h"
#include "agent/http/http_options.h"
#include "agent/http/http_stats.h"
#include "agent/http/password_check.h"
#include "agent/http/web_security.h"

namespace notch::agent {

// A connection as the service sees it. None of the calls destroys it before they return.
class HttpPeer {
 public:
  virtual ~HttpPeer() = default;

  virtual ConnectionState state() const noexcept = 0;

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

  // False: there is no room for another connection. Makes room, if it can, by cutting another.
  bool make_room(std::string_view party);
  void join(HttpPeer* peer) { peers_.insert(peer); }
  void leave(HttpPeer* peer);

  // A response to a client. `in_flight`: it counts towards the limit until end_request().
  struct Answer {
    Response response;
    bool in_flight = false;
  };

  // A request with its whole head read. Checks who asks, then whether there is room, or makes it by
  // cutting another's response, then calls the route: who does not know the password takes nobody's
  // place. `done` is called once, at once or later, unless the service is shut before.
  void answer(Request request, std::function<void(Answer)> done);
  void end_request();

  // From now on every response is its connection's last, and connections without one end.
  // `on_empty` is called, on the loop, when none is left.
  void stop(std::function<void()> on_empty);
  bool stopping() const noexcept { return stopping_; }
  void abort_all();
  void shut();

 private:
  // A request that has been let in, and how often others were cut for it.
  struct Admission {
    Request request;
    std::function<void(Answer)> done;
    int cuts = 0;
    std::optional<std::chrono::steady_clock::time_point> until{};  // set when it begins to wait
  };
  using Shares = std::map<std::string, std::size_t>;  // by party: answered or waiting

  void admit(Admission admission);
  void refuse(const Admission& admission);
  bool cut_for(Admission& admission, std::uint64_t& counter);
  bool wait_for_place(Admission& admission);
  bool refuse_another_for(const Admission& admission);
  void keep_waiting(Admission admission);
  Admission take_waiting(std::size_t place);
  void watch_waiting();
  void admit_next();
  void end_waits();
  Shares shares() const;
  bool cut_another(std::string_view newcomer, Scarce scarce);
  bool is_full(const Request& request) const;
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
  std::deque<Admission> waiting_;  // the longest first
  boost::asio::steady_timer wait_timer_;
  bool stopping_ = false;
  std::function<void()> on_empty_;
};

}  // namespace notch::agent
