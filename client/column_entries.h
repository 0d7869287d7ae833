// How many columns a process's adds can find, and where each is found.
// Called by: wiped.h, whose table this is the size of; counting_mode, add_by_cpu, columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/include/notch/abi.h"
#include "shm/layout.h"

namespace notch::client {

// The columns by processor, in a process that counts by processor. They are behind the ABI's columns,
// which are null then, except for column 0.
inline constexpr std::size_t kColumnsByCpu = NOTCH_SHARED_COLUMN + 1;
inline constexpr std::uint32_t kProcessors = shm::kMaxColumns - 1;
inline constexpr std::size_t kColumnEntries = kColumnsByCpu + kProcessors;

}  // namespace notch::client
