// Splits a request target (RFC 9112 §3.2) into path and query. Called by: http_request_reading.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/http/http_message.h"

namespace notch::agent {

struct RequestTarget {
  std::string path;
  std::vector<QueryParameter> query;
};

// Takes origin form (/metrics?name[]=up), absolute form (http://host/metrics) and "*". Returns an
// empty string, or the rule that `target` breaks, and then `parsed` is unspecified. Cost: linear.
std::string parse_request_target(std::string_view target, std::size_t max_parameters,
                                 RequestTarget& parsed);

}  // namespace notch::agent
