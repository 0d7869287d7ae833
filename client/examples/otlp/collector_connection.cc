#include "client/examples/otlp/collector_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace otlp_demo {
namespace {

constexpr std::chrono::seconds kSilence{30};  // then the place is another's

CollectorRequest request_of(
    const boost::beast::http::request<boost::beast::http::string_body>& message) {
  namespace http = boost::beast::http;
  const auto text = [](boost::beast::string_view view) { return std::string(view); };
  return {text(message.method_string()), text(message.target()),
          text(message[http::field::content_type]), text(message[http::field::content_encoding]),
          message.body()};
}

}  // namespace

CollectorConnection::CollectorConnection(int descriptor, Decide decide)
    : descriptor_(descriptor),
      decide_(std::move(decide)),
      request_(std::make_unique<HttpMessage<true>>()) {}

CollectorConnection::~CollectorConnection() {
  ::close(descriptor_);
}

short CollectorConnection::events() const {
  if (answer_.empty()) return POLLIN;
  return Clock::now() >= answer_at_ ? POLLOUT : 0;
}

Clock::time_point CollectorConnection::wake_at() const {
  const Clock::time_point end = last_heard_ + kSilence;
  return answer_.empty() || Clock::now() >= answer_at_ ? end : std::min(end, answer_at_);
}

bool CollectorConnection::go_on(short events) {
  constexpr short kOver = POLLERR | POLLHUP | POLLNVAL;
  if (Clock::now() >= last_heard_ + kSilence || (events & kOver) != 0) return false;
  if (answer_.empty() && events != 0 && !receive()) return false;
  return send_if_due();
}

bool CollectorConnection::receive() {
  std::array<char, 16384> room;
  const ssize_t got = ::recv(descriptor_, room.data(), room.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  last_heard_ = Clock::now();
  received_.append(room.data(), static_cast<std::size_t>(got));
  return read_request();
}

bool CollectorConnection::read_request() {
  const Reading reading = request_->take(received_);
  if (reading == Reading::kMore) return true;
  CollectorDecision decision;
  keeps_alive_ = reading == Reading::kWhole && request_->keeps_alive();
  if (reading == Reading::kWhole) {
    decision = decide_(request_of(request_->message()));
  } else {
    decision.reply.status = reading == Reading::kTooLarge ? 413 : 400;
  }
  if (decision.hangs_up) return false;
  answer_ = to_http(decision.reply, keeps_alive_);
  answer_at_ = Clock::now() + decision.wait;
  request_ = std::make_unique<HttpMessage<true>>();
  return true;
}

bool CollectorConnection::send_if_due() {
  while (!answer_.empty() && Clock::now() >= answer_at_) {
    const ssize_t sent = ::send(descriptor_, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    answer_.erase(0, static_cast<std::size_t>(sent));
    if (!answer_.empty()) continue;
    if (!keeps_alive_) return false;
    if (!received_.empty() && !read_request()) return false;
  }
  return true;
}

}  // namespace otlp_demo
