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

// The name of a span of each kind.
inline constexpr std::array<std::string_view, kKinds.size()> kSpanNames{
    "hash", "answer request", "call service", "send message", "take message"};

// `service` and `kind` are indices into the arrays.
struct Span {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t service = 0;
  std::uint8_t kind = 0;
  bool failed = false;  // what it timed took too long
  std::uint64_t start_unix_ns = 0;
  std::uint64_t duration_ns = 0;
};

// The outcome of spans that were given to the collector.
enum class Status : std::uint8_t { kSuccess, kFailure };
inline constexpr std::array<std::string_view, 2> kStatusNames{"success", "failure"};

// Why spans were not exported: by an attempt that failed, or without any attempt. The names are those
// of OpenTelemetry's attribute error.type: an HTTP status code is its own name.
enum class ExportError : std::uint8_t {
  kConnectionRefused,  // nobody listens
  kConnectFailed,      // no connection for another reason
  kNameResolution,     // the endpoint's host has no address
  kConnectionClosed,   // the collector closed the connection or died before it had answered
  kTimeout,            // no answer in time
  kBadReply,           // the answer was not one
  kRejected,           // a partial success: the collector took the rest of the batch
  kQueueFull,          // no room in the queue: dropped when they ended
  kShutdown,           // still queued when the time to stop was over
  kHttp400,
  kHttp401,
  kHttp403,
  kHttp404,
  kHttp413,
  kHttp429,
  kHttp500,
  kHttp502,
  kHttp503,
  kHttp504,
  kOther,  // any other status code, redirects among them
};
inline constexpr std::array<std::string_view, 20> kErrorNames{"connection_refused",
                                                              "connect_failed",
                                                              "name_resolution_error",
                                                              "connection_closed",
                                                              "timeout",
                                                              "bad_reply",
                                                              "rejected",
                                                              "queue_full",
                                                              "shutdown",
                                                              "400",
                                                              "401",
                                                              "403",
                                                              "404",
                                                              "413",
                                                              "429",
                                                              "500",
                                                              "502",
                                                              "503",
                                                              "504",
                                                              "_OTHER"};
static_assert(kErrorNames[static_cast<std::size_t>(ExportError::kHttp400)] == "400");
static_assert(kErrorNames[static_cast<std::size_t>(ExportError::kOther)] == "_OTHER");

inline constexpr std::string_view kExporter = "otlp";
inline constexpr std::string_view kProtocol = "http/protobuf";

}  // namespace otlp_demo
