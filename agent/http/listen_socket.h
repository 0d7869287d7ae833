// Sockets that listen: opened by address, or taken over from systemd. Called by: http_server,
// options (the form of an address).
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/http/socket_file.h"

namespace notch::agent {

using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

struct ListenSocket {
  Acceptor acceptor;
  std::string address;             // ADDRESS:PORT with the kernel's port, unix:PATH or unix:@NAME
  std::optional<SocketFile> file;  // of a path that was made here: removed with it
  std::string warning;             // what the log should say of it
};

// Each appends to `sockets` and returns an empty string, or returns what went wrong, naming the
// address or descriptor, and appends nothing.

// `address` is ADDRESS:PORT, NAME:PORT, [IPV6]:PORT, :PORT for every address of the host, or
// unix:PATH, unix:@NAME (of the abstract namespace: no file, no access). Port 0 lets the kernel
// choose. Blocks for as long as resolving a NAME takes.
std::string open_listen_socket(boost::asio::io_context& loop, const std::string& address,
                               const SocketAccess& access, std::vector<ListenSocket>& sockets);

// The error in the form of `address`, with the address, or an empty string. Resolves nothing.
std::string listen_address_fault(const std::string& address);

// The sockets passed by systemd (sd_listen_fds(3)); none passed is an error.
std::string adopt_systemd_sockets(boost::asio::io_context& loop,
                                  std::vector<ListenSocket>& sockets);

// ADDRESS:PORT, with brackets around an IPv6 address.
std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace notch::agent
