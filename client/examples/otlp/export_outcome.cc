#include "client/examples/otlp/export_outcome.h"

#include <strings.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "client/examples/otlp/trace_messages.h"

namespace otlp_demo {
namespace {

constexpr std::array<const char*, 3> kDateForms{"%a, %d %b %Y %H:%M:%S GMT",  // RFC 9110, 5.6.7
                                                "%A, %d-%b-%y %H:%M:%S GMT",
                                                "%a %b %e %H:%M:%S %Y"};

bool is_retryable(unsigned status) {
  return status == 429 || (status >= 502 && status <= 504);
}

ExportError error_of(unsigned status) {
  const std::string name = std::to_string(status);
  const auto found = std::ranges::find(kErrorNames, name);
  return found == kErrorNames.end() ? ExportError::kOther
                                    : static_cast<ExportError>(found - kErrorNames.begin());
}

bool is_protobuf(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type.size() == kProtobufType.size() &&
         ::strncasecmp(content_type.data(), kProtobufType.data(), kProtobufType.size()) == 0;
}

Outcome success(const HttpAnswer& answer, std::size_t spans) {
  // An empty body is an empty message, and says of itself that there is no content.
  const bool is_message = answer.body.empty() || is_protobuf(answer.content_type);
  const auto response = is_message ? parse_export_response(answer.body) : std::nullopt;
  // The collector may have them: sent again they might be there twice.
  if (!response) return {.error = ExportError::kBadReply};
  const auto most = static_cast<std::int64_t>(spans);
  const auto rejected =
      static_cast<std::size_t>(std::clamp<std::int64_t>(response->rejected_spans, 0, most));
  if (rejected == 0) return {.taken = spans};
  return {.taken = spans - rejected, .error = ExportError::kRejected};
}

}  // namespace

std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, std::time_t now) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!text.empty() && std::ranges::all_of(text, is_digit)) {
    std::int64_t seconds = 0;
    for (const char digit : text) {
      seconds = std::min<std::int64_t>(seconds * 10 + (digit - '0'), kLongestRetryAfter.count());
    }
    return std::chrono::seconds(seconds);
  }
  const std::string date(text);
  for (const char* const form : kDateForms) {
    std::tm parts{};
    const char* const end = ::strptime(date.c_str(), form, &parts);
    if (end == nullptr || end != date.c_str() + date.size()) continue;
    const std::int64_t seconds = static_cast<std::int64_t>(::timegm(&parts)) - now;
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongestRetryAfter.count()));
  }
  return std::nullopt;
}

Outcome outcome_of(const HttpAnswer& answer, std::size_t spans, std::time_t now) {
  if (answer.status >= 200 && answer.status < 300) return success(answer, spans);
  Outcome outcome{.error = error_of(answer.status), .again = is_retryable(answer.status)};
  if (outcome.again) outcome.retry_after = parse_retry_after(answer.retry_after, now);
  return outcome;
}

}  // namespace otlp_demo
