#include "agent/http/http_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
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

// So that nobody is cut without end for one request.
constexpr int kMostCuts = 64;

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

bool HttpService::make_room(std::string_view party) {
  if (peers_.size() < options_.max_connections) return true;
  if (cut_another(party, Scarce::kConnections)) {
    ++stats_.cut_for_connections;
    return true;
  }
  ++stats_.connections_refused;
  return false;
}

bool HttpService::cut_another(std::string_view newcomer, Scarce scarce) {
  const std::vector<HttpPeer*> peers(peers_.begin(), peers_.end());
  std::vector<ConnectionState> states;
  states.reserve(peers.size());
  for (const HttpPeer* peer : peers) states.push_back(peer->state());
  const std::optional<std::size_t> chosen =
      displaced_connection(states, {newcomer, scarce, std::chrono::steady_clock::now(),
                                    options_.reading_grace, options_.least_rate()});
  if (!chosen) return false;
  peers[*chosen]->abort();
  return true;
}

void HttpService::leave(HttpPeer* peer) {
  peers_.erase(peer);
  report_if_empty();
}

bool HttpService::is_full(const Request& request) const {
  const auto route = routes_.find(request.path);
  const bool limited = route == routes_.end() || route->second.limited;
  return limited && options_.max_requests != 0 &&
         stats_.requests_in_flight >= options_.max_requests;
}

void HttpService::admit(Admission admission) {
  if (is_full(admission.request)) {
    if (cut_for(admission, stats_.cut_for_requests)) return;
    ++stats_.rejected_by_requests;
    const std::string limit = std::to_string(options_.max_requests);
    return admission.done({busy_response("Limit of concurrent requests reached (" + limit +
                                         "), try again later.\n")});
  }
  Response response = call_route(admission.request);
  if (response.no_memory) {
    if (cut_for(admission, stats_.cut_for_memory)) return;
    ++stats_.rejected_by_memory;
  }
  ++stats_.requests_in_flight;
  admission.done({std::move(response), true});
}

// True: another's response was cut, and the request waits for its end.
bool HttpService::cut_for(Admission& admission, std::uint64_t& counter) {
  if (admission.cuts == kMostCuts) return false;
  if (!cut_another(admission.request.party, Scarce::kResponses)) return false;
  ++counter;
  ++admission.cuts;
  waiting_.push_back(std::move(admission));
  return true;
}

void HttpService::end_request() {
  --stats_.requests_in_flight;
  if (waiting_.empty()) return;
  // Later, when what the response held is gone too.
  boost::asio::post(loop_, [self = shared_from_this()] {
    if (self->waiting_.empty()) return;
    Admission next = std::move(self->waiting_.front());
    self->waiting_.pop_front();
    self->admit(std::move(next));
  });
}

void HttpService::answer(Request request, std::function<void(Answer)> done) {
  const std::shared_ptr<const WebSecurity> now = security();
  const auto& users = now->config.basic_auth_users;
  if (users.empty()) return admit({std::move(request), std::move(done)});
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
    if (right) return admit({request, done});
    ++stats_.unauthorized;
    done({unauthorized()});
  };
  if (password_check_.check(*credentials, hash, known, checked)) return;
  --stats_.passwords_waiting;
  ++stats_.rejected_by_passwords;
  done({busy_response("Too many passwords are being checked, try again later.\n")});
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
  waiting_.clear();
  abort_all();
  password_check_.close();
}

}  // namespace notch::agent
