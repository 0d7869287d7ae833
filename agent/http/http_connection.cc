#include "agent/http/http_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/detect_ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/http/http_head.h"
#include "agent/http/http_request_reading.h"
#include "agent/http/peer_name.h"

namespace notch::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using beast::error_code;
using Clock = std::chrono::steady_clock;
using PlainStream = beast::basic_stream<asio::generic::stream_protocol>;
using TlsStream = asio::ssl::stream<PlainStream>;

constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kLingerBytes = 256 * 1024;
// The bytes that the kernel may hold for a client besides those on their way. More would hide a slow
// reader.
constexpr int kUnsentBytes = 256 * 1024;

// A view of the connection's own list of buffers, so that operations copy two pointers, not a list.
class BufferView {
 public:
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;

  explicit BufferView(const std::vector<asio::const_buffer>& buffers)
      : begin_(buffers.data()), end_(buffers.data() + buffers.size()) {}

  const_iterator begin() const noexcept { return begin_; }
  const_iterator end() const noexcept { return end_; }

 private:
  const_iterator begin_;
  const_iterator end_;
};

// Asio's own condition stops each write at 64 KiB.
std::size_t everything(const error_code& failure, std::size_t) {
  return failure ? 0 : std::numeric_limits<std::size_t>::max();
}

template <class Stream>
class Connection final : public HttpPeer, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  template <class... Arguments>
  Connection(std::shared_ptr<HttpService> service, std::shared_ptr<const WebSecurity> security,
             PeerName peer, Arguments&&... arguments)
      : service_(std::move(service)),
        security_(std::move(security)),
        peer_(std::move(peer)),
        stream_(std::forward<Arguments>(arguments)...) {
    service_->join(this);
    ++service_->stats().connections_open;
  }

  ~Connection() override {
    if (in_flight_) service_->end_request();
    --service_->stats().connections_open;
    service_->leave(this);
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    expect_client(service_->options().header_deadline);
    if constexpr (kTls) {
      beast::async_detect_ssl(stream_.next_layer(), buffer_, on(&Connection::on_detected));
    } else {
      read_head();
    }
  }

  ConnectionState state() const noexcept override {
    return {peer_.party, stage_, stage_since_, taken_bytes_, in_flight_};
  }

  void finish() override {
    keep_alive_ = false;
    if (stage_ == Stage::kWaiting) abort();
  }

  void abort() override {
    enter(Stage::kCut);
    keep_alive_ = false;
    transport().close();
  }

 private:
  // A completion handler that keeps the connection alive until it has run.
  // It has exactly the member's parameters: Asio asks a handler which results it takes.
  template <class... Results>
  auto on(void (Connection::*member)(Results...)) {
    return [self = this->shared_from_this(), member](Results... results) {
      (self.get()->*member)(results...);
    };
  }

  PlainStream& transport() noexcept { return beast::get_lowest_layer(stream_); }

  void enter(Stage stage) {
    stage_ = stage;
    stage_since_ = Clock::now();
  }

  void expect_client(std::chrono::milliseconds deadline) {
    enter(Stage::kWaiting);
    transport().expires_after(deadline);
  }

  // After abort() an operation may still report success: nothing may follow it.
  bool aborted() const noexcept { return stage_ == Stage::kCut; }

  void on_detected(error_code failure, bool is_tls) {
    if (failure || aborted()) return on_handshake_failed(failure);
    if (is_tls) {
      stream_.async_handshake(asio::ssl::stream_base::server, buffer_.data(),
                              on(&Connection::on_handshake));
      return;
    }
    const std::string_view sent(static_cast<const char*>(buffer_.data().data()), buffer_.size());
    if (sent.empty() || std::isupper(static_cast<unsigned char>(sent.front())) == 0) {
      return on_handshake_failed(failure);
    }
    on_handshake_failed(failure);
    answer_in_plain_text();
  }

  void on_handshake_failed(error_code failure) {
    if (failure == beast::error::timeout) {
      ++service_->stats().header_timeouts;
    } else if (!aborted()) {
      ++service_->stats().tls_failures;
    }
  }

  void answer_in_plain_text() {
    Response response = text_response(400, "Client sent an HTTP request to an HTTPS server.\n");
    fill_buffers(std::move(response));
    transport().expires_after(service_->options().slice_deadline);
    enter(Stage::kAnswering);
    asio::async_write(transport(), BufferView(buffers_), everything,
                      [self = this->shared_from_this()](error_code failure, std::size_t bytes) {
                        self->service_->stats().bytes_sent += bytes;
                        if (failure || self->aborted()) return;
                        self->enter(Stage::kLingering);
                        self->transport().expires_after(self->service_->options().linger_deadline);
                        self->linger();
                      });
  }

  void on_handshake(error_code failure, std::size_t used_bytes) {
    if (failure || aborted()) return on_handshake_failed(failure);
    buffer_.consume(used_bytes);
    await_request();
  }

  void await_request() {
    if (service_->stopping() || aborted()) return;
    if (buffer_.size() != 0) {
      expect_client(service_->options().header_deadline);
      return read_head();
    }
    expect_client(service_->options().idle_deadline);
    stream_.async_read_some(buffer_.prepare(kReadBytes), on(&Connection::on_first_bytes));
  }

  void on_first_bytes(error_code failure, std::size_t bytes) {
    if (failure || aborted()) return;
    buffer_.commit(bytes);
    expect_client(service_->options().header_deadline);
    read_head();
  }

  void read_head() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(service_->options().header_limit_bytes));
    // No limit, as no body is read. Beast 1.74 takes boost::none for a limit of zero.
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    http::async_read_header(stream_, buffer_, *parser_, on(&Connection::on_head));
  }

  void on_head(error_code failure, std::size_t) {
    if (aborted()) return;
    if (failure == beast::error::timeout) {
      ++service_->stats().header_timeouts;
      return;
    }
    keep_alive_ = false;
    if (failure) {
      const std::optional<Response> refusal = refusal_of(failure);
      if (refusal) send(*refusal);
      return;
    }
    is_head_ = parser_->get().method() == http::verb::head;
    Request request;
    if (const std::optional<Response> refusal =
            read_request(parser_->get(), service_->options(), request)) {
      return send(*refusal);
    }
    keep_alive_ = parser_->keep_alive() && parser_->is_done();
    request.peer = peer_.text;
    request.party = peer_.party;
    enter(Stage::kDeciding);
    transport().expires_never();
    service_->answer(std::move(request),
                     [self = this->shared_from_this()](HttpService::Answer answer) {
                       self->in_flight_ = answer.in_flight;
                       self->send(std::move(answer.response));
                     });
  }

  void fill_buffers(Response response) {
    response_ = std::move(response);
    if (service_->stopping()) keep_alive_ = false;
    ++service_->stats().responses[response_.status];
    head_ = response_head(response_, {keep_alive_, security_->header_lines, std::time(nullptr)});
    buffers_.assign(1, asio::buffer(head_));
    if (is_head_) return;
    for (const BodyBlock& block : response_.body) {
      if (!block.bytes.empty())
        buffers_.push_back(asio::buffer(block.bytes.data(), block.bytes.size()));
    }
  }

  void send(Response response) {
    if (aborted()) return;
    enter(Stage::kAnswering);
    taken_bytes_ = 0;
    next_ = 0;
    fill_buffers(std::move(response));
    write_slice();
  }

  void write_slice() {
    const HttpOptions& options = service_->options();
    take_slice(options.slice_bytes);
    transport().expires_at(
        std::min(stage_since_ + options.write_deadline, Clock::now() + options.slice_deadline));
    asio::async_write(stream_, BufferView(slice_), everything, on(&Connection::on_slice));
  }

  // Moves the next `bytes` of the response, or what is left of it, from buffers_ to slice_.
  void take_slice(std::size_t bytes) {
    slice_.clear();
    while (bytes != 0 && next_ < buffers_.size()) {
      slice_.push_back(asio::buffer(buffers_[next_], bytes));
      bytes -= slice_.back().size();
      buffers_[next_] += slice_.back().size();
      if (buffers_[next_].size() == 0) ++next_;
    }
  }

  void on_slice(error_code failure, std::size_t bytes) {
    service_->stats().bytes_sent += bytes;
    taken_bytes_ += bytes;
    if (!failure && !aborted() && next_ < buffers_.size()) return write_slice();
    if (std::exchange(in_flight_, false)) service_->end_request();
    response_ = Response();
    is_head_ = false;
    if (failure == beast::error::timeout) {
      const bool whole = Clock::now() >= stage_since_ + service_->options().write_deadline;
      ++(whole ? service_->stats().write_timeouts : service_->stats().cut_slow_readers);
    }
    if (failure || aborted()) return;
    return keep_alive_ ? await_request() : finish_stream();
  }

  // The end of a connection whose last response is written: TLS says goodbye first.
  void finish_stream() {
    enter(Stage::kLingering);
    transport().expires_after(service_->options().linger_deadline);
    if constexpr (kTls) {
      stream_.async_shutdown([self = this->shared_from_this()](error_code) { self->linger(); });
    } else {
      linger();
    }
  }

  // Closing a socket with unread input resets it, and the client may lose the response: so the
  // client's own end is waited for, until the deadline already set.
  void linger() {
    error_code ignored;
    transport().socket().shutdown(asio::socket_base::shutdown_send, ignored);
    buffer_.clear();
    discard_input();
  }

  void discard_input() {
    transport().async_read_some(
        buffer_.prepare(kReadBytes),
        [self = this->shared_from_this()](error_code failure, std::size_t bytes) {
          self->lingered_bytes_ += bytes;
          if (!failure && self->lingered_bytes_ < kLingerBytes) self->discard_input();
        });
  }

  // Set by the constructor, constant after.
  const std::shared_ptr<HttpService> service_;
  const std::shared_ptr<const WebSecurity> security_;  // keeps the TLS context's callbacks alive
  const PeerName peer_;

  Stream stream_;
  beast::flat_buffer buffer_;
  Stage stage_ = Stage::kWaiting;
  Clock::time_point stage_since_ = Clock::now();

  // For the request that is being read or answered.
  std::optional<http::request_parser<http::empty_body>> parser_;
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool in_flight_ = false;
  Response response_;
  std::string head_;
  std::vector<asio::const_buffer> buffers_;  // all of it, of which those before next_ are written
  std::size_t next_ = 0;
  std::vector<asio::const_buffer> slice_;  // being written
  std::uint64_t taken_bytes_ = 0;

  std::size_t lingered_bytes_ = 0;
};

}  // namespace

void serve_connection(std::shared_ptr<HttpService> service,
                      asio::generic::stream_protocol::socket socket) {
  PeerName peer = peer_name(socket.native_handle());
  if (peer.text.empty() || !service->make_room(peer.party)) return;
  // A Unix socket knows neither, and needs neither.
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes,
               sizeof kUnsentBytes);
  std::shared_ptr<const WebSecurity> security = service->security();
  PlainStream stream(std::move(socket));
  if (security->tls == nullptr) {
    std::make_shared<Connection<PlainStream>>(std::move(service), std::move(security),
                                              std::move(peer), std::move(stream))
        ->start();
    return;
  }
  boost::asio::ssl::context& context = *security->tls;
  std::make_shared<Connection<TlsStream>>(std::move(service), std::move(security), std::move(peer),
                                          std::move(stream), context)
      ->start();
}

}  // namespace notch::agent
