// The addresses of a host's name. The resolver may take longer than anybody waits: it works on a thread
// of its own, and the next one who asks waits for the same lookup. Called by: tcp_stream.
#pragma once

#include <sys/socket.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "client/examples/otlp/batch_rules.h"

namespace otlp_demo {

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

using Addresses = std::vector<SocketAddress>;

class HostLookup {
 public:
  HostLookup(std::string host, std::string port) : host_(std::move(host)), port_(std::move(port)) {}

  // False once the deadline has passed. Else `found` has the addresses; none: there is no such host.
  bool find(Addresses& found, Clock::time_point deadline);

 private:
  const std::string host_;
  const std::string port_;
  std::future<Addresses> under_way_;
};

}  // namespace otlp_demo
