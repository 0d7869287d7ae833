#include "agent/http/listen_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "agent/files/unix_address.h"

namespace notch::agent {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using asio::generic::stream_protocol;

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

// The address a socket is bound to, in the words of --listen.
std::string address_text(int socket) {
  union {
    sockaddr any;
    sockaddr_un local;
    sockaddr_in6 internet;
  } bound{};
  socklen_t bytes = sizeof bound;
  if (::getsockname(socket, &bound.any, &bytes) != 0) return "";
  if (bound.any.sa_family != AF_UNIX) {
    tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), &bound.internet,
                std::min<std::size_t>(bytes, sizeof bound.internet));
    endpoint.resize(bytes);
    return endpoint_text(endpoint);
  }
  std::string name(bound.local.sun_path, bytes - offsetof(sockaddr_un, sun_path));
  if (!name.empty() && name.front() == '\0') {
    name.front() = '@';
  } else {
    name.resize(std::min(name.find('\0'), name.size()));
  }
  return std::string(kUnixScheme) + name;
}

// Each returns an empty string, or what went wrong without naming the address.

std::string open_tcp(asio::io_context& loop, const std::string& address,
                     std::vector<ListenSocket>& sockets) {
  HostAndPort where;
  split_address(address, where);
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
  if (failure) return failure.message();
  std::string text = address_text(acceptor.native_handle());
  sockets.push_back({Acceptor(std::move(acceptor)), std::move(text), std::nullopt, ""});
  return "";
}

std::string open_unix(Acceptor& acceptor) {
  error_code failure;
  acceptor.open(stream_protocol(AF_UNIX, 0), failure);
  if (failure) return failure.message();
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  return "";
}

std::string open_path(Acceptor acceptor, std::string_view path, const SocketAccess& access,
                      std::vector<ListenSocket>& sockets) {
  std::string fault = open_unix(acceptor);
  SocketFile file;
  if (fault.empty()) fault = file.open(acceptor.native_handle(), std::string(path), access);
  if (!fault.empty()) return fault;
  std::string warning = file.warning();
  sockets.push_back({std::move(acceptor), std::string(kUnixScheme).append(path), std::move(file),
                     std::move(warning)});
  return "";
}

std::string open_abstract(Acceptor acceptor, std::string_view name,
                          std::vector<ListenSocket>& sockets) {
  if (std::string fault = open_unix(acceptor); !fault.empty()) return fault;
  const UnixAddress address = unix_address(name);
  const int socket = acceptor.native_handle();
  if (::bind(socket, address.data(), address.bytes) != 0 || ::listen(socket, SOMAXCONN) != 0) {
    return std::strerror(errno);
  }
  sockets.push_back({std::move(acceptor), std::string(kUnixScheme).append(name), std::nullopt, ""});
  return "";
}

// AF_UNSPEC if it is no listening stream socket.
int family_of(int socket) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
    if (::sd_is_socket(socket, family, SOCK_STREAM, 1) > 0) return family;
  }
  return AF_UNSPEC;
}

}  // namespace

std::string endpoint_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = ":" + std::to_string(endpoint.port());
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + port;
}

std::string listen_address_fault(const std::string& address) {
  std::string fault = "want ADDRESS:PORT, [IPV6]:PORT, :PORT or unix:PATH, PORT at most 65535";
  if (const auto name = unix_name(address)) {
    fault = unix_name_fault(*name);
    if (fault.empty()) return "";
  }
  HostAndPort where;
  if (!unix_name(address) && split_address(address, where)) return "";
  return "\"" + address + "\" is no address to listen on: " + fault;
}

std::string open_listen_socket(asio::io_context& loop, const std::string& address,
                               const SocketAccess& access, std::vector<ListenSocket>& sockets) {
  if (std::string fault = listen_address_fault(address); !fault.empty()) return fault;
  const std::optional<std::string_view> name = unix_name(address);
  const std::string fault = !name ? open_tcp(loop, address, sockets)
                            : name->front() == '@'
                                ? open_abstract(Acceptor(loop), *name, sockets)
                                : open_path(Acceptor(loop), *name, access, sockets);
  return fault.empty() ? "" : "cannot listen on " + address + ": " + fault;
}

std::string adopt_systemd_sockets(asio::io_context& loop, std::vector<ListenSocket>& sockets) {
  const int count = ::sd_listen_fds(1);
  if (count < 0) return std::string("cannot take systemd's sockets: ") + std::strerror(-count);
  if (count == 0) return "cannot take systemd's sockets: none were passed (LISTEN_FDS)";
  std::vector<ListenSocket> adopted;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    const std::string name = "cannot take systemd's descriptor " + std::to_string(fd);
    const int family = family_of(fd);
    if (family == AF_UNSPEC) return name + ": not a listening stream socket";
    Acceptor acceptor(loop);
    error_code failure;
    acceptor.assign(stream_protocol(family, 0), fd, failure);
    if (failure) return name + ": " + failure.message();
    std::string address = address_text(acceptor.native_handle());
    adopted.push_back({std::move(acceptor), std::move(address), std::nullopt, ""});
  }
  for (ListenSocket& socket : adopted) sockets.push_back(std::move(socket));
  return "";
}

}  // namespace notch::agent
