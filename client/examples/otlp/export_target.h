// Where spans are exported to and how long an attempt may take: from the flag --endpoint and the
// environment, as OpenTelemetry's specification of exporters has it. Values only.
// Called by: demo_options, tests.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "client/examples/otlp/endpoint.h"

namespace otlp_demo {

struct ExportTarget {
  std::optional<Endpoint> endpoint;         // nothing: the demonstration's own collector
  std::chrono::milliseconds patience{500};  // with one attempt
};

// The value of an environment variable. An empty one counts as not set.
using Environment = std::function<const char*(const char*)>;

// The target, or what is wrong, by the name of the flag or variable. `flag` is empty if it was not given.
std::variant<ExportTarget, std::string> export_target(const std::string& flag,
                                                      const Environment& environment);

}  // namespace otlp_demo
