#include "client/examples/otlp/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace otlp_demo {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kTracesPath = "v1/traces";
constexpr std::string_view kDefaultPort = "80";

bool has_prefix_of_any_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char p, char t) {
           return p == (t >= 'A' && t <= 'Z' ? static_cast<char>(t - 'A' + 'a') : t);
         });
}

bool is_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size() && number != 0;
}

// Splits HOST:PORT, [IPV6]:PORT; what is wrong, or empty.
std::string split_authority(std::string_view authority, Endpoint& endpoint) {
  if (authority.find('@') != std::string_view::npos)
    return "a user and a password are not supported";
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return "the bracket of its address is not closed";
    endpoint.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && port[0] != ':') return "its host is not a name or an address";
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    endpoint.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (endpoint.host.empty()) return "it has no host";
  if (!port.empty()) port.remove_prefix(1);
  endpoint.port = port.empty() ? kDefaultPort : port;
  endpoint.authority = authority;
  return is_port(endpoint.port) ? "" : "its port is not a number from 1 to 65535";
}

}  // namespace

std::variant<Endpoint, std::string> parse_endpoint(std::string_view url) {
  const bool is_printable = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_printable) return "it has a space, a control character or one that is not ASCII";
  if (has_prefix_of_any_case(url, "https://")) return "https is not supported, http is";
  if (!has_prefix_of_any_case(url, kScheme)) return "it does not begin with http://";
  url.remove_prefix(kScheme.size());
  url = url.substr(0, url.find_first_of("?#"));  // the specification lets exporters ignore the rest
  Endpoint endpoint;
  const std::size_t slash = std::min(url.find('/'), url.size());
  if (std::string problem = split_authority(url.substr(0, slash), endpoint); !problem.empty()) {
    return problem;
  }
  endpoint.target = slash < url.size() ? url.substr(slash) : "/";
  return endpoint;
}

std::variant<Endpoint, std::string> parse_base_endpoint(std::string_view url) {
  auto parsed = parse_endpoint(url);
  if (auto* const endpoint = std::get_if<Endpoint>(&parsed)) {
    if (!endpoint->target.ends_with('/')) endpoint->target += '/';
    endpoint->target += kTracesPath;
  }
  return parsed;
}

}  // namespace otlp_demo
