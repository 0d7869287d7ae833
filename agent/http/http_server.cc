#include "agent/http/http_server.h"

#include <fcntl.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "agent/http/http_connection.h"
#include "agent/http/http_service.h"
#include "agent/http/listen_socket.h"

namespace notch::agent {

namespace asio = boost::asio;
using boost::system::error_code;
using ClientSocket = asio::generic::stream_protocol::socket;

// One listening socket and its loop of accepts; its handlers keep it alive.
class HttpListener : public std::enable_shared_from_this<HttpListener> {
 public:
  HttpListener(std::shared_ptr<HttpService> service, ListenSocket socket)
      : service_(std::move(service)),
        acceptor_(std::move(socket.acceptor)),
        address_(std::move(socket.address)),
        file_(std::move(socket.file)),
        retry_(acceptor_.get_executor()) {}

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](error_code failure, ClientSocket socket) {
      self->on_accepted(failure, std::move(socket));
    });
  }

  void close() {
    error_code ignored;
    acceptor_.close(ignored);
    file_.reset();
    retry_.cancel();
  }

  const std::string& address() const noexcept { return address_; }

 private:
  // Without a pause, running out of descriptors would spin: the client stays in the queue, and the
  // next accept fails at once too.
  static constexpr std::chrono::milliseconds kRetryDelay{100};

  void on_accepted(error_code failure, ClientSocket socket) {
    if (!acceptor_.is_open()) return;
    if (!failure) {
      ++service_->stats().connections_accepted;
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      serve_connection(service_, std::move(socket));
      return accept();
    }
    if (failure == asio::error::connection_aborted) return accept();
    if (service_->stats().accept_errors++ == 0) {
      service_->warn("cannot accept on " + address() + ": " + failure.message());
    }
    retry_.expires_after(kRetryDelay);
    retry_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled && self->acceptor_.is_open()) self->accept();
    });
  }

  const std::shared_ptr<HttpService> service_;
  Acceptor acceptor_;
  const std::string address_;
  std::optional<SocketFile> file_;
  asio::steady_timer retry_;
};

HttpServer::HttpServer(asio::io_context& loop, HttpOptions options, std::vector<Route> routes)
    : loop_(loop),
      stop_deadline_(loop),
      service_(std::make_shared<HttpService>(loop, std::move(options), std::move(routes))) {}

HttpServer::~HttpServer() {
  for (const auto& listener : listeners_) listener->close();
  service_->shut();
}

std::string HttpServer::start() {
  std::string message = service_->open();
  if (!message.empty()) return message;
  std::vector<ListenSocket> sockets;
  if (service_->options().systemd_sockets) {
    message = adopt_systemd_sockets(loop_, sockets);
    if (!message.empty()) return message;
  } else {
    for (const std::string& address : service_->options().listen) {
      message = open_listen_socket(loop_, address, service_->options().socket_access, sockets);
      if (!message.empty()) return message;
    }
  }
  for (ListenSocket& socket : sockets) {
    if (!socket.warning.empty()) service_->warn(socket.warning);
    listeners_.push_back(std::make_shared<HttpListener>(service_, std::move(socket)));
    listeners_.back()->accept();
  }
  return "";
}

std::vector<std::string> HttpServer::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& listener : listeners_) addresses.push_back(listener->address());
  return addresses;
}

bool HttpServer::uses_tls() const {
  return service_->security()->tls != nullptr;
}

bool HttpServer::reload() {
  return service_->reload();
}

void HttpServer::stop(std::function<void()> on_stopped) {
  for (const auto& listener : listeners_) listener->close();
  stop_deadline_.expires_after(service_->options().stop_deadline);
  stop_deadline_.async_wait([service = service_](error_code cancelled) {
    if (!cancelled) service->abort_all();
  });
  // The timer goes with the server, and so does this callback (shut() drops it).
  service_->stop([this, on_stopped = std::move(on_stopped)] {
    stop_deadline_.cancel();
    if (on_stopped) on_stopped();
  });
}

const HttpStats& HttpServer::stats() const noexcept {
  return service_->stats();
}

}  // namespace notch::agent
