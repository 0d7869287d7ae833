#include "client/examples/otlp/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace otlp_demo {
namespace {

constexpr std::int64_t kLongestPollMs = 60'000;  // it is asked again then: poll takes an int

ExportError connect_error(int error) {
  return error == ECONNREFUSED ? ExportError::kConnectionRefused : ExportError::kConnectFailed;
}

}  // namespace

void TcpStream::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

TcpStream::Failure TcpStream::fail(ExportError error) noexcept {
  close();
  return error;
}

bool TcpStream::wait_for(short events, Clock::time_point deadline) const {
  for (;;) {
    const std::int64_t left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{descriptor_, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min(left, kLongestPollMs)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool TcpStream::is_idle() const noexcept {
  char byte = 0;
  return is_open() && ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

TcpStream::Failure TcpStream::connect(const Addresses& addresses, Clock::time_point deadline) {
  Failure failure = ExportError::kConnectFailed;
  for (const SocketAddress& address : addresses) {
    failure = connect_to(address, deadline);
    if (!failure || failure == ExportError::kTimeout) break;
  }
  return failure;
}

TcpStream::Failure TcpStream::connect_to(const SocketAddress& address, Clock::time_point deadline) {
  close();
  descriptor_ =
      ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor_ < 0) return ExportError::kConnectFailed;
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address.bytes), address.size) ==
      0) {
    return {};
  }
  if (errno != EINPROGRESS) return fail(connect_error(errno));
  if (!wait_for(POLLOUT, deadline)) return fail(ExportError::kTimeout);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? Failure{} : fail(connect_error(error));
}

TcpStream::Failure TcpStream::send(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    // One who always takes or sends a little never makes us wait.
    if (Clock::now() >= deadline) return fail(ExportError::kTimeout);
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(POLLOUT, deadline)) return fail(ExportError::kTimeout);
    } else if (errno != EINTR) {
      return fail(ExportError::kConnectionClosed);
    }
  }
  return {};
}

TcpStream::Failure TcpStream::receive(std::string& bytes, Clock::time_point deadline) {
  std::array<char, 4096> room;
  for (;;) {
    if (Clock::now() >= deadline) return fail(ExportError::kTimeout);
    const ssize_t got = ::recv(descriptor_, room.data(), room.size(), 0);
    if (got >= 0) {
      bytes.append(room.data(), static_cast<std::size_t>(got));
      return {};
    }
    if (errno == EAGAIN) {
      if (!wait_for(POLLIN, deadline)) return fail(ExportError::kTimeout);
    } else if (errno != EINTR) {
      return fail(ExportError::kConnectionClosed);
    }
  }
}

}  // namespace otlp_demo
