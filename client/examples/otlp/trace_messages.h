// The protobuf messages of the OpenTelemetry protocol between exporter and collector, as far as spans
// need them: opentelemetry/proto/collector/trace/v1 and google.rpc.Status. Values only; knows no HTTP.
// Called by: exporter, export_outcome, collector_reply, tests.
//
// Invariants
//   TM1  What is read is hostile: a field of a wrong wire type is skipped like an unknown one, and a
//        message that is cut off or malformed is none. Nothing is read beyond the message.
//   TM2  A parsed request holds no more spans than its bytes have room for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/examples/otlp/span.h"

namespace otlp_demo {

inline constexpr std::string_view kProtobufType = "application/x-protobuf";

// An ExportTraceServiceRequest: one resource for each service, which is its service.name.
std::string export_request(std::span<const Span> spans);

struct ReceivedSpans {
  std::vector<Span> taken;
  std::size_t refused = 0;  // no valid ids, or not of this demonstration's services and kinds
};

// Nothing if the bytes are no ExportTraceServiceRequest.
std::optional<ReceivedSpans> parse_export_request(std::string_view bytes);

struct ExportResponse {
  std::int64_t rejected_spans = 0;
  std::string error_message;
};

// An ExportTraceServiceResponse; a full success, which is an empty message, if nothing is rejected or said.
std::string export_response(const ExportResponse& response);
std::optional<ExportResponse> parse_export_response(std::string_view bytes);

// A google.rpc.Status: the body of every answer that says a request has failed.
std::string failure_status(std::string_view message);

}  // namespace otlp_demo
