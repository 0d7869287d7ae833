// Addresses of Unix sockets as command lines write them: unix:/PATH, or unix:@NAME for a name of the
// abstract namespace, which is no file. Called by: listen_socket, socket_file, ready_options,
// ready_command.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string>
#include <string_view>

namespace notch::agent {

inline constexpr std::string_view kUnixScheme = "unix:";

// The part behind "unix:", or nothing if the address does not begin so.
std::optional<std::string_view> unix_name(std::string_view address);

// The rule that this name breaks, or an empty string.
std::string unix_name_fault(std::string_view name);

struct UnixAddress {
  sockaddr_un address{};
  socklen_t bytes = 0;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&address); }
};

// REQUIRES: unix_name_fault(name) is empty.
UnixAddress unix_address(std::string_view name);

}  // namespace notch::agent
