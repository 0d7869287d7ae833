// Which boot of the machine this is, as the kernel names it.
// Called by: ledger.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace notch::agent {

using BootId = std::array<std::uint8_t, 16>;

// The bytes of a UUID's 32 hex digits, hyphens left out; nothing if `text` does not begin with one.
std::optional<BootId> parse_boot_id(std::string_view text) noexcept;

// From /proc; nothing where there is none. Cost: three system calls.
std::optional<BootId> read_boot_id();

}  // namespace notch::agent
