// How much one process may define. All of it is address space, taken once and filled as needed; but
// the tables are searched by a hash, which spreads a few entries over all of their pages, so a
// library that defines little and starts with every program has small ones.
// Called by: process, catalogue, series_index.
#pragma once

#include <cstdint>

namespace notch::client {

#ifdef NOTCH_SMALL_CAPACITY
inline constexpr std::uint64_t kCells = 1U << 16;
inline constexpr std::uint64_t kCatalogueBytes = 2U << 20;
inline constexpr std::uint32_t kMostSeries = 1U << 12;
inline constexpr std::uint32_t kStringSlots = 1U << 13;
#else
inline constexpr std::uint64_t kCells = 1U << 18;
inline constexpr std::uint64_t kCatalogueBytes = 16U << 20;
inline constexpr std::uint32_t kMostSeries = 1U << 17;
inline constexpr std::uint32_t kStringSlots = 1U << 18;
#endif

}  // namespace notch::client
