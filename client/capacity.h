// The limits of what one process may define. All of it is address space, taken once and filled as
// needed.
// Called by: wiped, segment_room, catalogue, birth, registry, series_index.
#pragma once

#include <cstdint>

namespace notch::client {

inline constexpr std::uint64_t kCells = 1U << 18;
inline constexpr std::uint64_t kCatalogueBytes = 16U << 20;
inline constexpr std::uint64_t kFirstLogBytes = 64 * 1024;  // of the log, usable from the start
inline constexpr std::uint32_t kMostSeries = 1U << 17;
inline constexpr std::uint32_t kStringSlots = 1U << 18;
inline constexpr std::uint64_t kFirstSeriesSlots = 256;  // of the series' table, when it is made

}  // namespace notch::client
