// A span as the demonstration makes, queues and sends it, and the few values its labels have.
// Called by: every part of otlp_demo.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace otlp_demo {

inline constexpr std::array<std::string_view, 3> kServices{"checkout", "inventory", "payment"};
inline constexpr std::array<std::string_view, 5> kKinds{"internal", "server", "client", "producer",
                                                        "consumer"};

// `service` and `kind` are indices into the two arrays.
struct Span {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t service = 0;
  std::uint8_t kind = 0;
  std::uint64_t start_unix_ns = 0;
  std::uint64_t duration_ns = 0;
};

// What became of spans that were given to the collector.
enum class Status : std::uint8_t { kSuccess, kFailure };
inline constexpr std::array<std::string_view, 2> kStatusNames{"success", "failure"};

// Why spans were not exported: by an attempt that failed, or without any attempt.
enum class ExportError : std::uint8_t {
  kConnectFailed,     // nobody listens, or no connection in time
  kConnectionClosed,  // the collector closed the connection or died
  kTimeout,           // no answer in time
  kRejected,          // the collector answered that it will not take them
  kBadReply,          // the answer was not one
  kQueueFull,         // no room in the queue: dropped when they ended
  kShutdown,          // still queued when the time to stop was over
};
inline constexpr std::array<std::string_view, 7> kErrorNames{
    "connect_failed", "connection_closed", "timeout", "rejected",
    "bad_reply",      "queue_full",        "shutdown"};

inline constexpr std::string_view kExporter = "otlp";
inline constexpr std::string_view kProtocol = "tcp";

}  // namespace otlp_demo
