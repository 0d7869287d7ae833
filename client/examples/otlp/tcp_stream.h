// One TCP connection to 127.0.0.1 on which nothing waits longer than its deadline.
// Called by: exporter.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "client/examples/otlp/batch_rules.h"
#include "client/examples/otlp/span_frame.h"

namespace otlp_demo {

// Every operation gives nothing if it went well, else why not; the connection is then closed.
class TcpStream {
 public:
  using Failure = std::optional<ExportError>;

  TcpStream() = default;
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream() { close(); }

  Failure connect(std::uint16_t port, Clock::time_point deadline);
  // REQUIRES: is_open(), for these two.
  Failure send(std::span<const std::uint8_t> bytes, Clock::time_point deadline);
  // Waits for some bytes and hands them to `reader`.
  Failure receive(FrameReader& reader, Clock::time_point deadline);

  bool is_open() const noexcept { return descriptor_ >= 0; }
  void close() noexcept;

 private:
  // False once the deadline has passed.
  bool wait_for(short events, Clock::time_point deadline) const;
  Failure fail(ExportError error) noexcept;

  int descriptor_ = -1;
};

}  // namespace otlp_demo
