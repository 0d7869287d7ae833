#include "shm/utf8.h"

#include <cstdint>
#include <cstring>

namespace notch::shm {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool continues(unsigned char byte) noexcept {
  return (byte & 0xc0U) == 0x80;
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char first = at(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return continues(at(1)) ? 2 : 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && at(1) < 0xa0;
    const bool surrogate = first == 0xed && at(1) >= 0xa0;
    return continues(at(1)) && continues(at(2)) && !overlong && !surrogate ? 3 : 0;
  }
  if (first > 0xf4) return 0;
  const bool overlong = first == 0xf0 && at(1) < 0x90;
  const bool too_large = first == 0xf4 && at(1) >= 0x90;
  return continues(at(1)) && continues(at(2)) && continues(at(3)) && !overlong && !too_large ? 4
                                                                                             : 0;
}

bool is_valid_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    // Most texts are ASCII: eight bytes at once.
    std::uint64_t eight = 0;
    if (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080U) == 0) {
        text.remove_prefix(sizeof eight);
        continue;
      }
    }
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::size_t make_valid_utf8(std::string_view text, char* out, std::size_t size) noexcept {
  std::size_t written = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const std::string_view piece = length == 0 ? kReplacement : text.substr(0, length);
    if (piece.size() > size - written) break;
    std::memcpy(out + written, piece.data(), piece.size());
    written += piece.size();
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return written;
}

}  // namespace notch::shm
