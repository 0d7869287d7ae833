// The head of a response as bytes. Called by: http_connection.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "agent/http/http_message.h"

namespace notch::agent {

// The values that the head needs besides the response itself.
struct HeadContext {
  bool keep_alive = true;
  std::string_view extra_lines;  // whole header lines, each ended by CRLF
  std::time_t now_unix_s = 0;
};

// The phrase of a status code this server gives, "Unknown" of any other.
std::string_view reason_phrase(unsigned status) noexcept;

// Status line, headers and the empty line after them. Content-Length is that of the whole body,
// whether the body is sent (GET) or not (HEAD).
std::string response_head(const Response& response, const HeadContext& context);

}  // namespace notch::agent
