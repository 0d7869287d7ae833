// One TCP connection on which nothing waits longer than its deadline. Called by: http_client.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "client/examples/otlp/batch_rules.h"
#include "client/examples/otlp/host_lookup.h"
#include "client/examples/otlp/span.h"

namespace otlp_demo {

// Every operation gives nothing if it went well, else why not; the connection is then closed.
class TcpStream {
 public:
  using Failure = std::optional<ExportError>;

  TcpStream() = default;
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream() { close(); }

  // To the first of the addresses that takes it. REQUIRES: there is one.
  Failure connect(const Addresses& addresses, Clock::time_point deadline);
  // REQUIRES: is_open(), for these two.
  Failure send(std::string_view bytes, Clock::time_point deadline);
  // Waits for some bytes and appends them; none: the other side has ended, in order.
  Failure receive(std::string& bytes, Clock::time_point deadline);

  bool is_open() const noexcept { return descriptor_ >= 0; }
  // Open, and the other side has neither ended nor sent what nobody asked for.
  bool is_idle() const noexcept;
  void close() noexcept;

 private:
  Failure connect_to(const SocketAddress& address, Clock::time_point deadline);
  // False once the deadline has passed.
  bool wait_for(short events, Clock::time_point deadline) const;
  Failure fail(ExportError error) noexcept;

  int descriptor_ = -1;
};

}  // namespace otlp_demo
