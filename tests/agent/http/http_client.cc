#include "tests/agent/http/http_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cctype>
#include <cerrno>
#include <cstdint>

namespace notch::agent::testing {
namespace {

constexpr int kDeadlineMs = 20'000;

boost::asio::ip::tcp::endpoint endpoint_of(std::string address) {
  const std::size_t colon = address.rfind(':');
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
  address.resize(colon);
  if (address.front() == '[') address = address.substr(1, address.size() - 2);
  return {boost::asio::ip::make_address(address), port};
}

}  // namespace

ClientResponse take_response(std::string& bytes, bool has_body) {
  ClientResponse response;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos || !bytes.starts_with("HTTP/1.1 ")) return response;
  response.head = bytes.substr(0, end + 2);
  std::size_t line = response.head.find("\r\n") + 2;
  while (line < response.head.size()) {
    const std::size_t line_end = response.head.find("\r\n", line);
    const std::size_t colon = response.head.find(": ", line);
    std::string name = response.head.substr(line, colon - line);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    response.headers[name] = response.head.substr(colon + 2, line_end - colon - 2);
    line = line_end + 2;
  }
  const std::size_t length = has_body ? std::stoul(response.headers.at("content-length")) : 0;
  if (bytes.size() < end + 4 + length) return response;
  response.body = bytes.substr(end + 4, length);
  bytes.erase(0, end + 4 + length);
  response.status = std::stoi(response.head.substr(9, 3));
  return response;
}

std::string get(std::string_view path, std::string_view lines) {
  std::string request = "GET ";
  return request.append(path).append(" HTTP/1.1\r\nHost: test\r\n").append(lines).append("\r\n");
}

HttpClient::HttpClient(const std::string& address, int receive_buffer_bytes) {
  const auto endpoint = endpoint_of(address);
  fd_ = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer_bytes > 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  EXPECT_EQ(::connect(fd_, endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0) << address;
}

HttpClient::~HttpClient() {
  ::close(fd_);
}

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void HttpClient::shut_sending() {
  ::shutdown(fd_, SHUT_WR);
}

ClientResponse HttpClient::read_response(bool has_body) {
  for (;;) {
    ClientResponse response = take_response(received_, has_body);
    if (response.status != 0 || !receive()) return response;
  }
}

std::string HttpClient::read_to_close() {
  while (receive()) {
  }
  return received_;
}

void HttpClient::read_some() {
  receive();
}

bool HttpClient::receive() {
  pollfd readable{fd_, POLLIN, 0};
  if (::poll(&readable, 1, kDeadlineMs) != 1) {
    ADD_FAILURE() << "the server neither sent nor closed";
    return false;
  }
  std::array<char, 64 * 1024> part{};
  const ssize_t got = ::recv(fd_, part.data(), part.size(), 0);
  if (got <= 0) return false;
  received_.append(part.data(), static_cast<std::size_t>(got));
  return true;
}

}  // namespace notch::agent::testing
