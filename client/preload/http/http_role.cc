#include "client/preload/http/http_role.h"

#include <algorithm>
#include <cstring>

namespace notch::preload {
namespace {

// The bytes begin with the name of a method and a blank, or are the beginning of that. What follows
// is the machine's to judge.
bool begins_method(HttpBytes bytes) noexcept {
  const auto size = static_cast<std::size_t>(bytes.end - bytes.at);
  for (auto method = HttpMethod::kGet; method <= HttpMethod::kQuery;
       method = static_cast<HttpMethod>(static_cast<int>(method) + 1)) {
    const char* const name = name_of(method);
    const std::size_t length = std::strlen(name);
    if (std::memcmp(bytes.at, name, std::min(size, length)) != 0) continue;
    if (size <= length || bytes.at[length] == ' ') return true;
  }
  return false;
}

}  // namespace

HttpFirst first_message(HttpBytes bytes, bool in) noexcept {
  if (bytes.at == bytes.end) return {HttpRole::kUnknown, false};
  if (begins_answer(bytes)) return {in ? HttpRole::kClient : HttpRole::kServer, true};
  if (begins_method(bytes)) return {in ? HttpRole::kServer : HttpRole::kClient, false};
  return {HttpRole::kUnknown, false};
}

}  // namespace notch::preload
