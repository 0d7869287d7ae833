#include "agent/files/unix_address.h"

#include <algorithm>
#include <cstddef>

namespace notch::agent {
namespace {

// A path ends with a NUL there, a name of the abstract namespace begins with one.
constexpr std::size_t kMostBytes = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

std::optional<std::string_view> unix_name(std::string_view address) {
  if (!address.starts_with(kUnixScheme)) return std::nullopt;
  return address.substr(kUnixScheme.size());
}

std::string unix_name_fault(std::string_view name) {
  if (name.size() < 2 || (name.front() != '/' && name.front() != '@') || name.back() == '/') {
    return "want unix:/PATH, absolute and of a file, or unix:@NAME";
  }
  if (name.size() <= kMostBytes) return "";
  return "a socket's name has at most " + std::to_string(kMostBytes) + " bytes, this one has " +
         std::to_string(name.size());
}

UnixAddress unix_address(std::string_view name) {
  UnixAddress made;
  made.address.sun_family = AF_UNIX;
  std::ranges::copy(name.substr(0, kMostBytes), made.address.sun_path);
  const bool is_abstract = name.starts_with('@');
  if (is_abstract) made.address.sun_path[0] = '\0';
  made.bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  return made;
}

}  // namespace notch::agent
