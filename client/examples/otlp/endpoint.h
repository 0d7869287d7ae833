// Where spans go: the parts of an http:// URL, and the rules by which a flag and the environment give
// one. Values only. Called by: export_target, http_client, worker.
//
// Invariants
//   EN1  No part holds a space or a control character: none can end a line of a request's head.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace otlp_demo {

struct Endpoint {
  std::string host;       // without the brackets of an IPv6 address
  std::string port;       // a number
  std::string authority;  // as the Host header has it
  std::string target;     // the path; never empty
};

// The endpoint, or what is wrong with `url`.
std::variant<Endpoint, std::string> parse_endpoint(std::string_view url);

// The endpoint for a base URL: spans go to v1/traces relative to it.
std::variant<Endpoint, std::string> parse_base_endpoint(std::string_view url);

}  // namespace otlp_demo
