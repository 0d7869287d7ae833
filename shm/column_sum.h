// Sums cells over columns: a scrape's inner loop.
// Called by: segment_reader.
//
// Invariants
//   SM1  Every shared word is read by one relaxed load: the writers add while this reads, and a sum
//        needs no order among its parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace notch::shm {

// Adds cell first + i of every column to out[i]; integers wrap. REQUIRES: every column holds cells
// up to first + out.size().
void add_columns(std::span<const std::uint64_t* const> columns, std::size_t first,
                 std::span<std::uint64_t> out) noexcept;

// The same for cells that hold the bits of doubles. Doubles that are not finite are left out.
void add_float_columns(std::span<const std::uint64_t* const> columns, std::size_t first,
                       std::span<double> out) noexcept;

}  // namespace notch::shm
