#include "agent/http_connection.h"

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/detect_ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cctype>
#include <cstdint>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/http_head.h"
#include "agent/http_request_reading.h"
#include "agent/listen_socket.h"

namespace notch::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using beast::error_code;
using tcp = asio::ip::tcp;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kLingerBytes = 256 * 1024;

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

enum class Step { kHandshake, kIdle, kReading, kAnswering, kClosing };

template <class Stream>
class Connection final : public HttpPeer, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  template <class... Arguments>
  Connection(std::shared_ptr<HttpService> service, std::shared_ptr<const WebSecurity> security,
             std::string peer, Arguments&&... arguments)
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
    expect_client(kTls ? Step::kHandshake : Step::kReading, service_->options().header_deadline);
    if constexpr (kTls) {
      beast::async_detect_ssl(stream_.next_layer(), buffer_, on(&Connection::on_detected));
    } else {
      read_head();
    }
  }

  bool waits_for_client() const noexcept override {
    return step_ == Step::kHandshake || step_ == Step::kIdle || step_ == Step::kReading;
  }

  Clock::time_point waits_since() const noexcept override { return waits_since_; }

  void finish() override {
    keep_alive_ = false;
    if (waits_for_client()) abort();
  }

  void abort() override {
    step_ = Step::kClosing;
    keep_alive_ = false;
    transport().close();
  }

 private:
  // A completion handler that keeps the connection alive until it has run.
  // Of exactly the member's parameters: Asio asks a handler which results it takes.
  template <class... Results>
  auto on(void (Connection::*member)(Results...)) {
    return [self = this->shared_from_this(), member](Results... results) {
      (self.get()->*member)(results...);
    };
  }

  beast::tcp_stream& transport() noexcept { return beast::get_lowest_layer(stream_); }

  void expect_client(Step step, std::chrono::milliseconds deadline) {
    step_ = step;
    waits_since_ = Clock::now();
    transport().expires_after(deadline);
  }

  // After abort() an operation may still report success: nothing may follow it.
  bool aborted() const noexcept { return step_ == Step::kClosing; }

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
    transport().expires_after(service_->options().write_deadline);
    step_ = Step::kAnswering;
    asio::async_write(transport(), BufferView(buffers_), everything,
                      [self = this->shared_from_this()](error_code failure, std::size_t bytes) {
                        self->service_->stats().bytes_sent += bytes;
                        if (failure || self->aborted()) return;
                        self->step_ = Step::kClosing;
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
      expect_client(Step::kReading, service_->options().header_deadline);
      return read_head();
    }
    expect_client(Step::kIdle, service_->options().idle_deadline);
    stream_.async_read_some(buffer_.prepare(kReadBytes), on(&Connection::on_first_bytes));
  }

  void on_first_bytes(error_code failure, std::size_t bytes) {
    if (failure || aborted()) return close();
    buffer_.commit(bytes);
    expect_client(Step::kReading, service_->options().header_deadline);
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
      return refusal ? send(*refusal) : close();
    }
    is_head_ = parser_->get().method() == http::verb::head;
    Request request;
    if (const std::optional<Response> refusal =
            read_request(parser_->get(), service_->options(), request)) {
      return send(*refusal);
    }
    keep_alive_ = parser_->keep_alive() && parser_->is_done();
    request.peer = peer_;
    step_ = Step::kAnswering;
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
    step_ = Step::kAnswering;
    fill_buffers(std::move(response));
    transport().expires_after(service_->options().write_deadline);
    asio::async_write(stream_, BufferView(buffers_), everything, on(&Connection::on_sent));
  }

  void on_sent(error_code failure, std::size_t bytes) {
    service_->stats().bytes_sent += bytes;
    if (std::exchange(in_flight_, false)) service_->end_request();
    response_ = Response();
    is_head_ = false;
    if (failure == beast::error::timeout) ++service_->stats().write_timeouts;
    if (failure || aborted()) return;
    return keep_alive_ ? await_request() : finish_stream();
  }

  // The end of a connection whose last response is written: TLS says goodbye first.
  void finish_stream() {
    step_ = Step::kClosing;
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
    transport().socket().shutdown(tcp::socket::shutdown_send, ignored);
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

  void close() { step_ = Step::kClosing; }

  // Set by the constructor, constant after.
  const std::shared_ptr<HttpService> service_;
  const std::shared_ptr<const WebSecurity> security_;  // keeps the TLS context's callbacks alive
  const std::string peer_;

  Stream stream_;
  beast::flat_buffer buffer_;
  Step step_ = Step::kReading;
  Clock::time_point waits_since_ = Clock::now();

  // Of the request being read or answered.
  std::optional<http::request_parser<http::empty_body>> parser_;
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool in_flight_ = false;
  Response response_;
  std::string head_;
  std::vector<asio::const_buffer> buffers_;

  std::size_t lingered_bytes_ = 0;
};

}  // namespace

void serve_connection(std::shared_ptr<HttpService> service, tcp::socket socket) {
  error_code failure;
  const tcp::endpoint remote = socket.remote_endpoint(failure);
  if (failure) return;
  socket.set_option(tcp::no_delay(true), failure);
  std::shared_ptr<const WebSecurity> security = service->security();
  beast::tcp_stream stream(std::move(socket));
  if (security->tls == nullptr) {
    std::make_shared<Connection<beast::tcp_stream>>(std::move(service), std::move(security),
                                                    endpoint_text(remote), std::move(stream))
        ->start();
    return;
  }
  boost::asio::ssl::context& context = *security->tls;
  std::make_shared<Connection<TlsStream>>(std::move(service), std::move(security),
                                          endpoint_text(remote), std::move(stream), context)
      ->start();
}

}  // namespace notch::agent
