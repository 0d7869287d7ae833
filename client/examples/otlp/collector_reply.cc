#include "client/examples/otlp/collector_reply.h"

#include <boost/beast/http/status.hpp>

#include "client/examples/otlp/trace_messages.h"

namespace otlp_demo {
namespace {

constexpr std::string_view kTracesTarget = "/v1/traces";

CollectorReply failure(unsigned status, std::string_view message) {
  return {.status = status, .body = failure_status(message)};
}

CollectorReply success(const ReceivedSpans& spans, bool takes_all) {
  CollectorReply reply;
  const std::size_t valid = spans.taken.size();
  reply.taken = takes_all ? valid : valid / 2;
  reply.refused = spans.refused + valid - reply.taken;
  if (reply.refused > 0) {
    reply.body =
        export_response({static_cast<std::int64_t>(reply.refused),
                         takes_all ? "spans that are not valid" : "no room for all of them"});
  }
  return reply;
}

}  // namespace

CollectorReply reply_to(const CollectorRequest& request, const CollectorMood& mood) {
  if (request.target != kTracesTarget) return failure(404, "spans go to /v1/traces");
  if (request.method != "POST") return failure(405, "spans are posted");
  if (request.content_type != kProtobufType || !request.content_encoding.empty()) {
    return failure(415, "only application/x-protobuf, not compressed");
  }
  if (mood.status != 200) {
    CollectorReply reply = failure(mood.status, "not now");
    reply.retry_after = mood.retry_after;
    return reply;
  }
  const auto spans = parse_export_request(request.body);
  return spans ? success(*spans, mood.takes_all)
               : failure(400, "the body is no ExportTraceServiceRequest");
}

std::string to_http(const CollectorReply& reply, bool keep_alive) {
  const auto reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(reply.status));
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " " + std::string(reason) +
                     "\r\nContent-Type: " + std::string(kProtobufType) +
                     "\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n";
  if (reply.retry_after) {
    text += "Retry-After: " + std::to_string(reply.retry_after->count()) + "\r\n";
  }
  if (!keep_alive) text += "Connection: close\r\n";
  return text + "\r\n" + reply.body;
}

}  // namespace otlp_demo
