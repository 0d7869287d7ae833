#include "agent/http_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace notch::agent {
namespace {

Response unauthorized() {
  Response response = text_response(401, "Unauthorized\n");
  response.headers.emplace_back("WWW-Authenticate", "Basic");
  return response;
}

bool readable_method(const std::string& method) {
  return method == "GET" || method == "HEAD";
}

Response busy(const std::string& text) {
  Response response = text_response(503, text);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

HttpService::HttpService(boost::asio::io_context& loop, HttpOptions options,
                         std::vector<Route> routes)
    : loop_(loop),
      options_(std::move(options)),
      security_file_(options_.web_config_file, stats_, options_.on_warning),
      password_check_(loop) {
  for (Route& route : routes) routes_.insert_or_assign(route.path, std::move(route));
}

void HttpService::warn(const std::string& text) const {
  if (options_.on_warning) options_.on_warning(text);
}

bool HttpService::make_room() {
  if (peers_.size() < options_.max_connections) return true;
  HttpPeer* longest = nullptr;
  for (HttpPeer* peer : peers_) {
    if (!peer->waits_for_client()) continue;
    if (longest == nullptr || peer->waits_since() < longest->waits_since()) longest = peer;
  }
  if (longest == nullptr) {
    ++stats_.connections_refused;
    return false;
  }
  ++stats_.connections_evicted;
  longest->abort();
  return true;
}

void HttpService::leave(HttpPeer* peer) {
  peers_.erase(peer);
  report_if_empty();
}

HttpService::Answer HttpService::admitted(const Request& request) {
  const auto route = routes_.find(request.path);
  const bool limited = route == routes_.end() || route->second.limited;
  if (limited && options_.max_requests != 0 && stats_.requests_in_flight >= options_.max_requests) {
    ++stats_.requests_rejected;
    return {busy("Limit of concurrent requests reached (" + std::to_string(options_.max_requests) +
                 "), try again later.\n")};
  }
  ++stats_.requests_in_flight;
  return {call_route(request), true};
}

void HttpService::answer(Request request, std::function<void(Answer)> done) {
  const std::shared_ptr<const WebSecurity> now = security();
  const auto& users = now->config.basic_auth_users;
  if (users.empty()) return done(admitted(request));
  const std::optional<Credentials> credentials = basic_credentials(request.authorization);
  if (!credentials) {
    ++stats_.unauthorized;
    return done({unauthorized()});
  }
  // A stranger's password is checked against another's hash: the same work, and the answer is no.
  const auto user = users.find(credentials->user);
  const bool known = user != users.end();
  const std::string& hash = known ? user->second : users.begin()->second;
  ++stats_.passwords_waiting;
  const auto checked = [this, request = std::move(request), done](bool right) {
    --stats_.passwords_waiting;
    if (!right) ++stats_.unauthorized;
    done(right ? admitted(request) : Answer{unauthorized()});
  };
  if (password_check_.check(*credentials, hash, known, checked)) return;
  --stats_.passwords_waiting;
  ++stats_.requests_rejected;
  done({busy("Too many passwords are being checked, try again later.\n")});
}

Response HttpService::call_route(const Request& request) {
  const auto found = routes_.find(request.path);
  if (found == routes_.end()) return text_response(404, "404 page not found\n");
  if (!readable_method(request.method)) {
    Response response = text_response(405, "Method not allowed\n");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  try {
    return found->second.handler(request);
  } catch (const std::exception& error) {
    ++stats_.route_errors;
    warn("answering " + request.path + " failed: " + error.what());
    return text_response(500, "Internal server error\n");
  }
}

void HttpService::stop(std::function<void()> on_empty) {
  stopping_ = true;
  on_empty_ = std::move(on_empty);
  for (HttpPeer* peer : peers_) peer->finish();
  report_if_empty();
}

void HttpService::report_if_empty() {
  if (!peers_.empty() || !on_empty_) return;
  boost::asio::post(loop_, [weak = weak_from_this()] {
    const std::shared_ptr<HttpService> self = weak.lock();
    if (self != nullptr && self->on_empty_) std::exchange(self->on_empty_, nullptr)();
  });
}

void HttpService::abort_all() {
  for (HttpPeer* peer : peers_) peer->abort();
}

void HttpService::shut() {
  stopping_ = true;
  on_empty_ = nullptr;
  routes_.clear();
  abort_all();
  password_check_.close();
}

}  // namespace notch::agent
