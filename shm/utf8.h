// Makes valid UTF-8 of any bytes.
// Called by: segment_reader, for the header's texts; the client, for what applications hand over.
//
// Invariants
//   UT1  All but valid_utf8() need neither the heap nor the C++ run time: libnotch links them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace notch::shm {

// The length of the well-formed sequence (Unicode 15, table 3-7) that `text` begins with, 0 if it
// begins with none: no surrogates, nothing over U+10FFFF, no overlong forms.
std::size_t utf8_sequence(std::string_view text) noexcept;

bool is_valid_utf8(std::string_view text) noexcept;

// Writes `text` with every byte that is not part of a well-formed sequence replaced by U+FFFD;
// stops before a sequence that would not fit. Returns the bytes written, at most `size`.
std::size_t make_valid_utf8(std::string_view text, char* out, std::size_t size) noexcept;

// The same as a string. Cost: one copy.
inline std::string valid_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string valid(3 * text.size(), '\0');  // each byte at most becomes U+FFFD
  valid.resize(make_valid_utf8(text, valid.data(), valid.size()));
  return valid;
}

}  // namespace notch::shm
