#include "agent/http/peer_name.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>

#include "agent/http/listen_socket.h"

namespace notch::agent {
namespace {

namespace ip = boost::asio::ip;

// Any user of the host can connect from each of 127.0.0.0/8.
std::string party_of(const ip::address_v4& address) {
  return address.is_loopback() ? "127.0.0.0/8" : address.to_string();
}

std::string party_of(const ip::address& address) {
  if (address.is_v4()) return party_of(address.to_v4());
  ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return party_of(ip::make_address_v4(ip::v4_mapped, v6));
  if (v6.is_loopback()) return "::1";
  ip::address_v6::bytes_type bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return ip::address_v6(bytes, v6.scope_id()).to_string() + "/64";
}

PeerName user_name_of(int socket) {
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) return {};
  const std::string user = "unix:uid=" + std::to_string(credentials.uid);
  return {user, user};
}

}  // namespace

PeerName peer_name(int socket) {
  ip::tcp::endpoint endpoint;
  socklen_t bytes = static_cast<socklen_t>(endpoint.capacity());
  if (::getpeername(socket, endpoint.data(), &bytes) != 0) return {};
  if (endpoint.data()->sa_family == AF_UNIX) return user_name_of(socket);
  endpoint.resize(bytes);
  return {endpoint_text(endpoint), party_of(endpoint.address())};
}

}  // namespace notch::agent
