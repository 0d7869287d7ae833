#include "client/examples/otlp/tcp_stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace otlp_demo {

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
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{descriptor_, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

TcpStream::Failure TcpStream::connect(std::uint16_t port, Clock::time_point deadline) {
  close();
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return ExportError::kConnectFailed;
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return {};
  }
  if (errno != EINPROGRESS || !wait_for(POLLOUT, deadline)) {
    return fail(ExportError::kConnectFailed);
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? Failure{} : fail(ExportError::kConnectFailed);
}

TcpStream::Failure TcpStream::send(std::span<const std::uint8_t> bytes,
                                   Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(POLLOUT, deadline)) return fail(ExportError::kTimeout);
    } else if (errno != EINTR) {
      return fail(ExportError::kConnectionClosed);
    }
  }
  return {};
}

TcpStream::Failure TcpStream::receive(FrameReader& reader, Clock::time_point deadline) {
  std::array<std::uint8_t, 512> room;
  for (;;) {
    const ssize_t got = ::recv(descriptor_, room.data(), room.size(), 0);
    if (got > 0) {
      reader.take({room.data(), static_cast<std::size_t>(got)});
      return {};
    }
    if (got == 0) return fail(ExportError::kConnectionClosed);
    if (errno == EAGAIN) {
      if (!wait_for(POLLIN, deadline)) return fail(ExportError::kTimeout);
    } else if (errno != EINTR) {
      return fail(ExportError::kConnectionClosed);
    }
  }
}

}  // namespace otlp_demo
