#include "agent/ledger/boot_id.h"

#include <cstddef>

#include "agent/files/small_file.h"

namespace notch::agent {

namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<BootId> parse_boot_id(std::string_view text) noexcept {
  BootId boot{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int value = hex_value(c);
    if (value < 0) break;
    boot[digits / 2] = static_cast<std::uint8_t>(boot[digits / 2] * 16 + value);
    if (++digits == 2 * boot.size()) return boot;
  }
  return std::nullopt;
}

std::optional<BootId> read_boot_id() {
  return parse_boot_id(read_small_file("/proc/sys/kernel/random/boot_id").content);
}

}  // namespace notch::agent
