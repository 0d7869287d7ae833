#include "client/examples/otlp/export_target.h"

#include <array>
#include <charconv>
#include <utility>

#include "client/examples/otlp/span.h"

namespace otlp_demo {
namespace {

constexpr std::chrono::milliseconds kDefaultPatience{10'000};
constexpr std::int64_t kMaxPatienceMs = 3'600'000;

struct Setting {
  std::string name;
  std::string value;  // empty: not set
};

// OTEL_EXPORTER_OTLP_TRACES_`what` if it is set, else OTEL_EXPORTER_OTLP_`what`.
Setting setting(const char* what, const Environment& environment) {
  Setting found;
  for (const char* const prefix : {"OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"}) {
    found.name = std::string(prefix) + what;
    const char* const value = environment(found.name.c_str());
    if (value != nullptr && *value != '\0') {
      found.value = value;
      break;
    }
  }
  return found;
}

std::string refusal(const Setting& setting, const std::string& problem) {
  return setting.name + " cannot be \"" + setting.value + "\": " + problem;
}

bool parse_milliseconds(const std::string& text, std::chrono::milliseconds& out) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 1 || number > kMaxPatienceMs) return false;
  out = std::chrono::milliseconds(number);
  return true;
}

}  // namespace

std::variant<ExportTarget, std::string> export_target(const std::string& flag,
                                                      const Environment& environment) {
  const bool has_flag = !flag.empty();
  const Setting url = has_flag ? Setting{"--endpoint", flag} : setting("ENDPOINT", environment);
  ExportTarget target;
  if (url.value.empty()) return target;
  const bool is_whole = url.name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  auto parsed = is_whole ? parse_endpoint(url.value) : parse_base_endpoint(url.value);
  if (const auto* const problem = std::get_if<std::string>(&parsed)) return refusal(url, *problem);
  target.endpoint = std::get<Endpoint>(std::move(parsed));
  const Setting protocol = setting("PROTOCOL", environment);
  if (!protocol.value.empty() && protocol.value != kProtocol) {
    return refusal(protocol, "only http/protobuf is supported");
  }
  const Setting timeout = setting("TIMEOUT", environment);
  target.patience = kDefaultPatience;
  if (!timeout.value.empty() && !parse_milliseconds(timeout.value, target.patience)) {
    return refusal(timeout, "it takes milliseconds, 1 to 3600000");
  }
  return target;
}

}  // namespace otlp_demo
