#include "agent/expose/number_text.h"

#include <cmath>
#include <cstring>
#include <string_view>

namespace notch::agent {
namespace {

// Below this every whole double is exact as an integer.
constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

char* put_text(char* to, std::string_view text) noexcept {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* put_not_finite(char* to, double value) noexcept {
  if (std::isnan(value)) return put_text(to, "NaN");
  return put_text(to, value > 0 ? "+Inf" : "-Inf");
}

}  // namespace

char* put_double(char* to, double value) noexcept {
  if (value > -kExactIntegers && value < kExactIntegers) {
    const auto whole = static_cast<std::int64_t>(value);
    if (static_cast<double>(whole) == value) return put_i64(to, whole);
  } else if (!std::isfinite(value)) {
    return put_not_finite(to, value);
  }
  return std::to_chars(to, to + kMaxNumberBytes, value).ptr;
}

char* put_text_bound(char* to, double bound) noexcept {
  if (!std::isfinite(bound)) return put_not_finite(to, bound);
  // The general form switches to an exponent where printf's %g does; the shortest form does not.
  // Zero is added so that minus zero is no other bound than zero.
  return std::to_chars(to, to + kMaxNumberBytes, bound + 0.0, std::chars_format::general).ptr;
}

char* put_openmetrics_bound(char* to, double bound) noexcept {
  char* end = put_text_bound(to, bound);
  const std::string_view text(to, static_cast<std::size_t>(end - to));
  if (!std::isfinite(bound) || text.find_first_of(".e") != std::string_view::npos) return end;
  return put_text(end, ".0");
}

char* put_seconds(char* to, std::uint64_t unix_time_ns) noexcept {
  char* end = put_u64(to, unix_time_ns / 1'000'000'000);
  const auto ms = static_cast<unsigned>(unix_time_ns / 1'000'000 % 1000);
  const char decimals[4] = {'.', static_cast<char>('0' + ms / 100),
                            static_cast<char>('0' + ms / 10 % 10),
                            static_cast<char>('0' + ms % 10)};
  return put_text(end, {decimals, sizeof decimals});
}

}  // namespace notch::agent
