// The words of a line of /proc, taken from its front without copying.
// Called by: the collectors.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace notch::agent {

// Takes blanks and then a word off the front. Empty at the end.
inline std::string_view take_word(std::string_view& text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(start);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// The whole word as a number; nothing if it is none, or too large.
inline std::optional<std::uint64_t> whole_number(std::string_view word, int base = 10) {
  std::uint64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// The same with a minus or a point; no infinity, and not "nan".
inline std::optional<double> decimal_number(std::string_view word) {
  double value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != end) return std::nullopt;
  if (!(value >= -1e300 && value <= 1e300)) return std::nullopt;
  return value;
}

}  // namespace notch::agent
