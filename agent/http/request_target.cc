#include "agent/http/request_target.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace notch::agent {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `plus_is_space` holds in a query only: in a path a plus is a plus.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

// A host as RFC 3986 section 3.2.2 has it, loosely: an address in brackets, or a name without any;
// then perhaps a port.
bool is_authority(std::string_view text) {
  if (text.empty()) return false;
  std::size_t host_end = text.find_first_of(":[]");
  if (text.front() == '[') {
    host_end = text.find(']');
    if (host_end == std::string_view::npos || host_end == 1) return false;
    if (text.substr(1, host_end - 1).find('[') != std::string_view::npos) return false;
    ++host_end;
  }
  if (host_end == 0) return false;
  if (host_end == std::string_view::npos || host_end == text.size()) return true;
  const std::string_view port = text.substr(host_end + 1);
  return text[host_end] == ':' && port.find_first_not_of("0123456789") == std::string_view::npos;
}

// Nothing if what stands before the path is no scheme and host.
std::optional<std::string_view> without_scheme_and_host(std::string_view target) {
  const std::size_t scheme_end = target.find("://");
  if (target.starts_with('/') || scheme_end == std::string_view::npos) return target;
  const std::size_t host = scheme_end + 3;
  const std::size_t path = std::min(target.find_first_of("/?#", host), target.size());
  std::string_view authority = target.substr(host, path - host);
  if (const std::size_t user_end = authority.rfind('@'); user_end != std::string_view::npos) {
    authority.remove_prefix(user_end + 1);
  }
  if (!is_authority(authority)) return std::nullopt;
  return path == target.size() ? std::string_view("/") : target.substr(path);
}

}  // namespace

std::string parse_request_target(std::string_view target, std::size_t max_parameters,
                                 RequestTarget& parsed) {
  const std::optional<std::string_view> local = without_scheme_and_host(target);
  if (!local) return "bad host in the target";
  target = local->substr(0, local->find('#'));
  const std::size_t mark = target.find('?');
  std::optional<std::string> path = percent_decoded(target.substr(0, mark), false);
  if (!path) return "bad percent-encoding in the path";
  parsed.path = path->empty() ? "/" : std::move(*path);
  parsed.query.clear();
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    if (pair.empty()) continue;
    if (parsed.query.size() == max_parameters) return "too many query parameters";
    const std::size_t equals = pair.find('=');
    std::optional<std::string> name = percent_decoded(pair.substr(0, equals), true);
    std::optional<std::string> value = percent_decoded(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return "bad percent-encoding in the query";
    parsed.query.push_back({std::move(*name), std::move(*value)});
  }
  return "";
}

}  // namespace notch::agent
