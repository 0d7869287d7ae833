#include "client/examples/otlp/trace_messages.h"

#include <algorithm>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "notch/version.h"

namespace otlp_demo {
namespace {

using protozero::data_view;
using protozero::pbf_reader;
using protozero::pbf_writer;
using protozero::tag_and_type;
using Wire = protozero::pbf_wire_type;

constexpr std::string_view kScopeName = "otlp_demo";
constexpr std::string_view kServiceNameKey = "service.name";
constexpr int kStatusError = 2;

// Field numbers, of ExportTraceServiceRequest and so on inwards.
namespace request_field {
enum : protozero::pbf_tag_type { kResourceSpans = 1 };
}
namespace resource_spans_field {
enum : protozero::pbf_tag_type { kResource = 1, kScopeSpans = 2 };
}
namespace resource_field {
enum : protozero::pbf_tag_type { kAttributes = 1 };
}
namespace key_value_field {
enum : protozero::pbf_tag_type { kKey = 1, kValue = 2 };
}
namespace any_value_field {
enum : protozero::pbf_tag_type { kString = 1 };
}
namespace scope_spans_field {
enum : protozero::pbf_tag_type { kScope = 1, kSpans = 2 };
}
namespace scope_field {
enum : protozero::pbf_tag_type { kName = 1, kVersion = 2 };
}
namespace span_field {
enum : protozero::pbf_tag_type {
  kTraceId = 1,
  kSpanId = 2,
  kName = 5,
  kKind = 6,
  kStartTime = 7,
  kEndTime = 8,
  kStatus = 15
};
}
namespace status_field {
enum : protozero::pbf_tag_type { kMessage = 2, kCode = 3 };
}
namespace response_field {
enum : protozero::pbf_tag_type { kPartialSuccess = 1 };
}
namespace partial_success_field {
enum : protozero::pbf_tag_type { kRejectedSpans = 1, kErrorMessage = 2 };
}

data_view view(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view view(data_view text) {
  return {text.data(), text.size()};
}

template <std::size_t N>
data_view view(const std::array<std::uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), N};
}

void write_resource(pbf_writer& resource_spans, std::string_view service) {
  pbf_writer resource(resource_spans, resource_spans_field::kResource);
  pbf_writer attribute(resource, resource_field::kAttributes);
  attribute.add_string(key_value_field::kKey, view(kServiceNameKey));
  pbf_writer value(attribute, key_value_field::kValue);
  value.add_string(any_value_field::kString, view(service));
}

void write_span(pbf_writer& scope_spans, const Span& span) {
  pbf_writer out(scope_spans, scope_spans_field::kSpans);
  out.add_bytes(span_field::kTraceId, view(span.trace_id));
  out.add_bytes(span_field::kSpanId, view(span.span_id));
  out.add_string(span_field::kName, view(kSpanNames[span.kind]));
  out.add_enum(span_field::kKind, span.kind + 1);  // 0 is SPAN_KIND_UNSPECIFIED
  out.add_fixed64(span_field::kStartTime, span.start_unix_ns);
  out.add_fixed64(span_field::kEndTime, span.start_unix_ns + span.duration_ns);
  if (!span.failed) return;  // a status that is not there is STATUS_CODE_UNSET
  pbf_writer status(out, span_field::kStatus);
  status.add_enum(status_field::kCode, kStatusError);
}

// False if the bytes are not an id: of another size, or all zero.
template <std::size_t N>
bool read_id(data_view bytes, std::array<std::uint8_t, N>& id) {
  if (bytes.size() != N) return false;
  std::copy_n(bytes.data(), N, id.begin());
  return std::ranges::any_of(id, [](std::uint8_t byte) { return byte != 0; });
}

bool read_is_error(pbf_reader status) {
  bool is_error = false;
  while (status.next()) {
    if (status.tag_and_type() == tag_and_type(status_field::kCode, Wire::varint)) {
      is_error = status.get_enum() == kStatusError;
    } else {
      status.skip();
    }
  }
  return is_error;
}

// Nothing if it is not a span that this demonstration could have made.
std::optional<Span> read_span(pbf_reader in, std::size_t service) {
  Span span;
  span.service = static_cast<std::uint8_t>(service);
  bool has_trace_id = false;
  bool has_span_id = false;
  std::int64_t kind = 0;
  std::uint64_t end_ns = 0;
  while (in.next()) {
    switch (in.tag_and_type()) {
      case tag_and_type(span_field::kTraceId, Wire::length_delimited):
        has_trace_id = read_id(in.get_view(), span.trace_id);
        break;
      case tag_and_type(span_field::kSpanId, Wire::length_delimited):
        has_span_id = read_id(in.get_view(), span.span_id);
        break;
      case tag_and_type(span_field::kKind, Wire::varint):
        kind = in.get_enum();
        break;
      case tag_and_type(span_field::kStartTime, Wire::fixed64):
        span.start_unix_ns = in.get_fixed64();
        break;
      case tag_and_type(span_field::kEndTime, Wire::fixed64):
        end_ns = in.get_fixed64();
        break;
      case tag_and_type(span_field::kStatus, Wire::length_delimited):
        span.failed = read_is_error(in.get_message());
        break;
      default:
        in.skip();
    }
  }
  if (!has_trace_id || !has_span_id || service >= kServices.size() || kind < 1 ||
      kind > static_cast<std::int64_t>(kKinds.size()) || end_ns < span.start_unix_ns) {
    return std::nullopt;
  }
  span.kind = static_cast<std::uint8_t>(kind - 1);
  span.duration_ns = end_ns - span.start_unix_ns;
  return span;
}

std::string_view read_string_value(pbf_reader value) {
  std::string_view text;
  while (value.next()) {
    if (value.tag_and_type() == tag_and_type(any_value_field::kString, Wire::length_delimited)) {
      text = view(value.get_view());
    } else {
      value.skip();
    }
  }
  return text;
}

// The index of the resource's service.name; kServices.size() if it is none of them.
std::size_t read_service(pbf_reader resource) {
  std::string_view name;
  while (resource.next()) {
    if (resource.tag_and_type() !=
        tag_and_type(resource_field::kAttributes, Wire::length_delimited)) {
      resource.skip();
      continue;
    }
    pbf_reader attribute = resource.get_message();
    std::string_view key;
    std::string_view value;
    while (attribute.next()) {
      switch (attribute.tag_and_type()) {
        case tag_and_type(key_value_field::kKey, Wire::length_delimited):
          key = view(attribute.get_view());
          break;
        case tag_and_type(key_value_field::kValue, Wire::length_delimited):
          value = read_string_value(attribute.get_message());
          break;
        default:
          attribute.skip();
      }
    }
    if (key == kServiceNameKey) name = value;
  }
  return static_cast<std::size_t>(std::ranges::find(kServices, name) - kServices.begin());
}

void read_scope_spans(pbf_reader scope_spans, std::size_t service, ReceivedSpans& received) {
  while (scope_spans.next()) {
    if (scope_spans.tag_and_type() !=
        tag_and_type(scope_spans_field::kSpans, Wire::length_delimited)) {
      scope_spans.skip();
    } else if (const std::optional<Span> span = read_span(scope_spans.get_message(), service)) {
      received.taken.push_back(*span);
    } else {
      ++received.refused;
    }
  }
}

// Fields may come in any order: the resource is looked for first.
void read_resource_spans(const pbf_reader& message, ReceivedSpans& received) {
  std::size_t service = kServices.size();
  for (pbf_reader in = message; in.next();) {
    if (in.tag_and_type() ==
        tag_and_type(resource_spans_field::kResource, Wire::length_delimited)) {
      service = read_service(in.get_message());
    } else {
      in.skip();
    }
  }
  for (pbf_reader in = message; in.next();) {
    if (in.tag_and_type() ==
        tag_and_type(resource_spans_field::kScopeSpans, Wire::length_delimited)) {
      read_scope_spans(in.get_message(), service, received);
    } else {
      in.skip();
    }
  }
}

void read_partial_success(pbf_reader message, ExportResponse& response) {
  while (message.next()) {
    switch (message.tag_and_type()) {
      case tag_and_type(partial_success_field::kRejectedSpans, Wire::varint):
        response.rejected_spans = message.get_int64();
        break;
      case tag_and_type(partial_success_field::kErrorMessage, Wire::length_delimited):
        response.error_message = message.get_string();
        break;
      default:
        message.skip();
    }
  }
}

}  // namespace

std::string export_request(std::span<const Span> spans) {
  std::string bytes;
  pbf_writer request(bytes);
  for (std::size_t service = 0; service < kServices.size(); ++service) {
    const auto is_its = [&](const Span& span) { return span.service == service; };
    if (std::ranges::none_of(spans, is_its)) continue;
    pbf_writer resource_spans(request, request_field::kResourceSpans);
    write_resource(resource_spans, kServices[service]);
    pbf_writer scope_spans(resource_spans, resource_spans_field::kScopeSpans);
    {
      pbf_writer scope(scope_spans, scope_spans_field::kScope);
      scope.add_string(scope_field::kName, view(kScopeName));
      scope.add_string(scope_field::kVersion, NOTCH_VERSION);
    }
    for (const Span& span : spans) {
      if (is_its(span)) write_span(scope_spans, span);
    }
  }
  return bytes;
}

std::optional<ReceivedSpans> parse_export_request(std::string_view bytes) {
  ReceivedSpans received;
  try {
    for (pbf_reader request(view(bytes)); request.next();) {
      if (request.tag_and_type() ==
          tag_and_type(request_field::kResourceSpans, Wire::length_delimited)) {
        read_resource_spans(request.get_message(), received);
      } else {
        request.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  return received;
}

std::string export_response(const ExportResponse& response) {
  std::string bytes;
  if (response.rejected_spans == 0 && response.error_message.empty()) return bytes;
  pbf_writer out(bytes);
  pbf_writer partial(out, response_field::kPartialSuccess);
  partial.add_int64(partial_success_field::kRejectedSpans, response.rejected_spans);
  partial.add_string(partial_success_field::kErrorMessage, response.error_message);
  return bytes;
}

std::optional<ExportResponse> parse_export_response(std::string_view bytes) {
  ExportResponse response;
  try {
    for (pbf_reader in(view(bytes)); in.next();) {
      if (in.tag_and_type() ==
          tag_and_type(response_field::kPartialSuccess, Wire::length_delimited)) {
        read_partial_success(in.get_message(), response);
      } else {
        in.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  return response;
}

std::string failure_status(std::string_view message) {
  std::string bytes;
  pbf_writer(bytes).add_string(status_field::kMessage, view(message));
  return bytes;
}

}  // namespace otlp_demo
