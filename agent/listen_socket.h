// Sockets that listen: opened by address, or taken over from systemd. Called by: http_server,
// options (the form of an address).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

namespace notch::agent {

// Each appends to `sockets` and returns an empty string, or returns what went wrong, naming the
// address or descriptor, and appends nothing.

// `address` is ADDRESS:PORT, NAME:PORT, [IPV6]:PORT, or :PORT for every address of the host. Port 0
// lets the kernel choose. Blocks for as long as resolving a NAME takes.
std::string open_listen_socket(boost::asio::io_context& loop, const std::string& address,
                               std::vector<boost::asio::ip::tcp::acceptor>& sockets);

// What is wrong with the form of `address`, naming it, or an empty string. Resolves nothing.
std::string listen_address_fault(const std::string& address);

// The sockets passed by systemd (sd_listen_fds(3)); none passed is an error.
std::string adopt_systemd_sockets(boost::asio::io_context& loop,
                                  std::vector<boost::asio::ip::tcp::acceptor>& sockets);

// ADDRESS:PORT, with brackets around an IPv6 address.
std::string endpoint_text(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace notch::agent
