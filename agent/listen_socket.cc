#include "agent/listen_socket.h"

#include <fcntl.h>
#include <systemd/sd-daemon.h>

#include <boost/asio/ip/v6_only.hpp>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace notch::agent {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
};

bool split_address(std::string_view address, HostAndPort& split) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return false;
  }
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), split.port);
  if (failure != std::errc() || end != port.data() + port.size() || port.empty()) return false;
  split.host = host;
  return true;
}

// Names prefer IPv4, as Go's net.Listen does, so that "localhost" means the same everywhere.
error_code resolve(asio::io_context& loop, const HostAndPort& where, tcp::endpoint& endpoint) {
  error_code failure;
  const asio::ip::address literal = asio::ip::make_address(where.host, failure);
  if (!failure) {
    endpoint = tcp::endpoint(literal, where.port);
    return failure;
  }
  tcp::resolver resolver(loop);
  const auto found = resolver.resolve(where.host, "", failure);
  if (failure) return failure;
  endpoint = *found.begin();
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) {
      endpoint = entry.endpoint();
      break;
    }
  }
  endpoint.port(where.port);
  return failure;
}

error_code listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code failure;
  acceptor.open(endpoint.protocol(), failure);
  if (failure) return failure;
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  acceptor.set_option(asio::socket_base::reuse_address(true), failure);
  if (endpoint.address() == asio::ip::address_v6::any()) {
    acceptor.set_option(asio::ip::v6_only(false), failure);
  }
  acceptor.bind(endpoint, failure);
  if (failure) return failure;
  acceptor.listen(asio::socket_base::max_listen_connections, failure);
  return failure;
}

}  // namespace

std::string endpoint_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = ":" + std::to_string(endpoint.port());
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + port;
}

std::string listen_address_fault(const std::string& address) {
  HostAndPort where;
  if (split_address(address, where)) return "";
  return "\"" + address +
         "\" is no address to listen on: want ADDRESS:PORT, [IPV6]:PORT or :PORT, "
         "PORT at most 65535";
}

std::string open_listen_socket(asio::io_context& loop, const std::string& address,
                               std::vector<tcp::acceptor>& sockets) {
  HostAndPort where;
  if (!split_address(address, where)) {
    return listen_address_fault(address);
  }
  tcp::acceptor acceptor(loop);
  error_code failure;
  if (where.host.empty()) {
    failure = listen_on(acceptor, tcp::endpoint(asio::ip::address_v6::any(), where.port));
    if (failure == asio::error::address_family_not_supported) {  // a kernel without IPv6
      acceptor = tcp::acceptor(loop);
      failure = listen_on(acceptor, tcp::endpoint(asio::ip::address_v4::any(), where.port));
    }
  } else {
    tcp::endpoint endpoint;
    failure = resolve(loop, where, endpoint);
    if (!failure) failure = listen_on(acceptor, endpoint);
  }
  if (failure) return "cannot listen on " + address + ": " + failure.message();
  sockets.push_back(std::move(acceptor));
  return "";
}

std::string adopt_systemd_sockets(asio::io_context& loop, std::vector<tcp::acceptor>& sockets) {
  const int count = ::sd_listen_fds(1);
  if (count < 0) return std::string("cannot take systemd's sockets: ") + std::strerror(-count);
  if (count == 0) return "cannot take systemd's sockets: none were passed (LISTEN_FDS)";
  std::vector<tcp::acceptor> adopted;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    const std::string name = "cannot take systemd's descriptor " + std::to_string(fd);
    const bool v4 = ::sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0;
    if (!v4 && ::sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) <= 0) {
      return name + ": not a listening TCP socket";
    }
    tcp::acceptor acceptor(loop);
    error_code failure;
    acceptor.assign(v4 ? tcp::v4() : tcp::v6(), fd, failure);
    if (failure) return name + ": " + failure.message();
    adopted.push_back(std::move(acceptor));
  }
  for (tcp::acceptor& acceptor : adopted) sockets.push_back(std::move(acceptor));
  return "";
}

}  // namespace notch::agent
