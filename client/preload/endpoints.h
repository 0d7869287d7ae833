// The server that a client connected to, as the values of server_address and server_port.
// Called by: net.cc at each connect; tls.cc at a handshake over no socket that is known;
// http_figures.cc once for each new label set.
//
// The address is the one connect was given: a number, or a Unix socket's path; no name is looked
// up. The table keeps the first ones of a process: a proxy's clients are many, its servers few.
//
// Invariants
//   ED1  An entry is whole once its length is there, and never changes. [tag: endpoint]
//   ED2  Nobody waits; an entry being filled is passed over, and at worst one address is there
//        twice.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace notch::preload {

using EndpointId = std::uint8_t;
inline constexpr EndpointId kEndpointUnknown = 0;    // no room, or no such address
inline constexpr EndpointId kEndpointUnnamed = 255;  // nothing tells who it is
inline constexpr std::size_t kMostEndpoints = 32;

EndpointId endpoint_of(const sockaddr* address, socklen_t size) noexcept;

// By a host's name alone.
EndpointId endpoint_of_name(const char* name) noexcept;

struct EndpointText {
  std::string_view address;
  std::string_view port;  // empty for a path
};
EndpointText endpoint_text(EndpointId endpoint) noexcept;

}  // namespace notch::preload
