// Valid UTF-8 out of whatever an application hands over.
// Called by: settings, series_index.
#pragma once

#include <cstddef>
#include <string_view>

namespace notch::client {

// The length of the valid sequence `text` starts with, 0 if there is none. RFC 3629: no surrogates,
// nothing over U+10FFFF, no overlong forms.
std::size_t utf8_sequence(std::string_view text) noexcept;

bool is_valid_utf8(std::string_view text) noexcept;

// Writes `text` with every byte that is not part of a valid sequence replaced by U+FFFD; stops
// before a sequence that would not fit. Returns the bytes written, at most `size`.
std::size_t make_valid_utf8(std::string_view text, char* out, std::size_t size) noexcept;

}  // namespace notch::client
