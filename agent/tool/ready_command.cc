#include "agent/tool/ready_command.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "agent/files/file_descriptor.h"
#include "agent/files/unix_address.h"
#include "agent/tool/tool.h"

namespace notch::agent {
namespace {

std::string where(const ReadyOptions& options) {
  if (!options.socket.empty()) return std::string(kUnixScheme) + options.socket;
  const bool v6 = options.host.find(':') != std::string::npos;
  return (v6 ? "[" + options.host + "]" : options.host) + ":" + options.port;
}

// Connected, with the timeout on whatever it waits for; else no descriptor, and errno says why.
FileDescriptor connect_to(int family, const sockaddr* address, socklen_t bytes,
                          unsigned timeout_s) {
  FileDescriptor connection(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.get() < 0) return connection;
  const timeval timeout{static_cast<time_t>(timeout_s), 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (::connect(connection.get(), address, bytes) != 0) return FileDescriptor();
  return connection;
}

struct Connected {
  FileDescriptor connection;
  std::string fault;  // why there is none
};

std::string reason(int error) {
  return error == EAGAIN || error == EINPROGRESS ? "no answer in time" : std::strerror(error);
}

Connected connect_as_told(const ReadyOptions& options) {
  if (!options.socket.empty()) {
    const UnixAddress address = unix_address(options.socket);
    FileDescriptor connection =
        connect_to(AF_UNIX, address.data(), address.bytes, options.timeout_s);
    if (!connection.valid()) return {FileDescriptor(), reason(errno)};
    return {std::move(connection), ""};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &found);
  if (failure != 0) return {FileDescriptor(), ::gai_strerror(failure)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  FileDescriptor connection;
  for (const addrinfo* each = found; each != nullptr && connection.get() < 0;
       each = each->ai_next) {
    connection = connect_to(each->ai_family, each->ai_addr, each->ai_addrlen, options.timeout_s);
  }
  if (connection.get() < 0) return {FileDescriptor(), reason(errno)};
  return {std::move(connection), ""};
}

}  // namespace

std::string judge_ready_answer(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.")) return "its answer is not HTTP";
  const std::string_view line = answer.substr(0, answer.find_first_of("\r\n"));
  if (line.substr(std::min<std::size_t>(8, line.size())).starts_with(" 200")) return "";
  std::string fault =
      "it answers " + std::string(line.substr(std::min<std::size_t>(9, line.size())));
  // The answer of an agent with a web configuration to a client without TLS or a password.
  if (fault.starts_with("it answers 400")) fault += " (does it serve TLS? notch ready uses none)";
  if (fault.starts_with("it answers 401"))
    fault += " (it wants a password; notch ready sends none)";
  return fault;
}

std::string ask_ready(const ReadyOptions& options) {
  const auto [connection, fault] = connect_as_told(options);
  if (!fault.empty()) return fault;
  const std::string host = options.socket.empty() ? where(options) : "localhost";
  const std::string request = "GET /-/ready HTTP/1.1\r\nHost: " + host +
                              "\r\nUser-Agent: notch\r\nConnection: close\r\n\r\n";
  if (::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return reason(errno);
  }
  std::array<char, 256> answer{};
  const ssize_t size = ::recv(connection.get(), answer.data(), answer.size(), 0);
  if (size < 0) return reason(errno);
  return judge_ready_answer({answer.data(), static_cast<std::size_t>(size)});
}

int ready_command(std::span<const char* const> arguments) {
  const ParsedReadyOptions parsed = parse_ready_options(arguments);
  if (!parsed.run) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == kToolDone ? stdout : stderr);
    return parsed.exit_code;
  }
  const std::string problem = ask_ready(parsed.options);
  if (problem.empty()) {
    std::printf("notchd at %s is ready\n", where(parsed.options).c_str());
    return kToolDone;
  }
  std::fprintf(stderr, "notch ready: notchd at %s is not ready: %s\n",
               where(parsed.options).c_str(), problem.c_str());
  return kNotReady;
}

}  // namespace notch::agent
