#include "agent/http/http_head.h"

#include <array>
#include <cstdio>

namespace notch::agent {
namespace {

// Not strftime: names of days and months are English whatever the locale.
std::string http_date(std::time_t unix_s) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&unix_s, &utc);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                utc.tm_min, utc.tm_sec);
  return text.data();
}

void add_line(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::string response_head(const Response& response, const HeadContext& context) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason_phrase(response.status)).append("\r\n");
  add_line(head, "Date", http_date(context.now_unix_s));
  add_line(head, "Content-Type", response.content_type);
  if (!response.content_encoding.empty()) {
    add_line(head, "Content-Encoding", response.content_encoding);
  }
  add_line(head, "Content-Length", std::to_string(response.body_bytes()));
  add_line(head, "Connection", context.keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) add_line(head, name, value);
  return head.append(context.extra_lines).append("\r\n");
}

}  // namespace notch::agent
