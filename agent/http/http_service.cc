#include "agent/http/http_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
      password_check_(loop),
      wait_timer_(loop) {
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
    if (cut_for(admission, stats_.cut_for_requests) || wait_for_place(admission)) return;
    return refuse(admission);
  }
  Response response = call_route(admission.request);
  if (response.no_memory) {
    if (cut_for(admission, stats_.cut_for_memory) || wait_for_place(admission)) return;
    ++stats_.rejected_by_memory;
  }
  ++stats_.requests_in_flight;
  admission.done({std::move(response), true});
}

void HttpService::refuse(const Admission& admission) {
  ++stats_.rejected_by_requests;
  const std::string limit = std::to_string(options_.max_requests);
  admission.done(
      {busy_response("Limit of concurrent requests reached (" + limit + "), try again later.\n")});
}

// True: another's response was cut, and the request waits for its end.
bool HttpService::cut_for(Admission& admission, std::uint64_t& counter) {
  if (admission.cuts == kMostCuts) return false;
  if (!cut_another(admission.request.party, Scarce::kResponses)) return false;
  ++counter;
  ++admission.cuts;
  admission.until = std::chrono::steady_clock::now() + options_.place_wait;
  keep_waiting(std::move(admission));
  return true;
}

// While those in flight are all too young to be cut: by its end each of them is written, or is not
// any more.
bool HttpService::wait_for_place(Admission& admission) {
  const auto now = std::chrono::steady_clock::now();
  if (!admission.until) admission.until = now + options_.place_wait;
  if (stopping_ || stats_.requests_in_flight == 0 || now >= *admission.until) return false;
  if (waiting_.size() >= options_.max_waiting && !refuse_another_for(admission)) return false;
  keep_waiting(std::move(admission));
  return true;
}

// The last that came of the party with most, if that has more than the newcomer's.
bool HttpService::refuse_another_for(const Admission& admission) {
  Shares shares = this->shares();
  std::size_t most = shares[admission.request.party] + 1;
  std::optional<std::size_t> chosen;
  for (std::size_t place = 0; place < waiting_.size(); ++place) {
    const std::size_t share = shares[waiting_[place].request.party];
    if (share < most || (share == most && !chosen)) continue;
    most = share;
    chosen = place;
  }
  if (!chosen) return false;
  refuse(take_waiting(*chosen));
  return true;
}

void HttpService::keep_waiting(Admission admission) {
  waiting_.push_back(std::move(admission));
  watch_waiting();
}

HttpService::Admission HttpService::take_waiting(std::size_t place) {
  const auto at = waiting_.begin() + static_cast<std::ptrdiff_t>(place);
  Admission taken = std::move(*at);
  waiting_.erase(at);
  watch_waiting();
  return taken;
}

void HttpService::watch_waiting() {
  if (waiting_.empty()) {
    wait_timer_.cancel();
    return;
  }
  wait_timer_.expires_at(*std::ranges::min_element(waiting_, {}, &Admission::until)->until);
  wait_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const std::shared_ptr<HttpService> self = cancelled ? nullptr : weak.lock();
    if (self != nullptr) self->end_waits();
  });
}

void HttpService::end_waits() {
  const auto now = std::chrono::steady_clock::now();
  std::vector<Admission> due;
  for (std::size_t place = 0; place < waiting_.size();) {
    if (*waiting_[place].until > now) {
      ++place;
    } else {
      due.push_back(take_waiting(place));
    }
  }
  for (Admission& admission : due) admit(std::move(admission));
}

HttpService::Shares HttpService::shares() const {
  Shares shares;
  for (const HttpPeer* peer : peers_) {
    const ConnectionState state = peer->state();
    if (state.in_flight) ++shares[std::string(state.party)];
  }
  for (const Admission& admission : waiting_) ++shares[admission.request.party];
  return shares;
}

void HttpService::end_request() {
  --stats_.requests_in_flight;
  if (waiting_.empty()) return;
  // Later, when what the response held is gone too.
  boost::asio::post(loop_, [self = shared_from_this()] { self->admit_next(); });
}

// The first of those whose party has least.
void HttpService::admit_next() {
  if (waiting_.empty()) return;
  const Shares shares = this->shares();
  const auto next = std::ranges::min_element(
      waiting_, {}, [&](const Admission& admission) { return shares.at(admission.request.party); });
  admit(take_waiting(static_cast<std::size_t>(next - waiting_.begin())));
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
  wait_timer_.cancel();
  abort_all();
  password_check_.close();
}

}  // namespace notch::agent
