// The buckets of native histograms in the tally: for each such row its chunks, of 32 slots each.
// Called by: row_store and whoever reads its rows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "shm/layout.h"

namespace notch::agent {

struct NativeChunk {
  std::int32_t chunk = 0;
  std::uint32_t first_slot = 0;
};

struct NativeRow {
  std::vector<NativeChunk> positive;  // ascending by chunk
  std::vector<NativeChunk> negative;

  std::vector<NativeChunk>& side(bool is_negative) noexcept {
    return is_negative ? negative : positive;
  }
  const std::vector<NativeChunk>& side(bool is_negative) const noexcept {
    return is_negative ? negative : positive;
  }
};

inline constexpr auto kBucketsOfChunk = static_cast<std::int32_t>(shm::kChunkBuckets);

struct BucketPlace {
  std::int32_t chunk = 0;
  std::uint32_t within = 0;
};

constexpr BucketPlace place_of_bucket(std::int32_t bucket) noexcept {
  const std::int32_t within = ((bucket % kBucketsOfChunk) + kBucketsOfChunk) % kBucketsOfChunk;
  return {(bucket - within) / kBucketsOfChunk, static_cast<std::uint32_t>(within)};
}

constexpr std::int32_t bucket_at(std::int32_t chunk, std::uint32_t within) noexcept {
  return chunk * kBucketsOfChunk + static_cast<std::int32_t>(within);
}

// Adds those that are not empty to `buckets`, ascending. `count_at` gives a slot's number.
template <class CountAt>
void append_buckets(const std::vector<NativeChunk>& chunks, CountAt count_at,
                    std::vector<std::pair<std::int32_t, std::uint64_t>>& buckets) {
  for (const NativeChunk& chunk : chunks) {
    for (std::uint32_t within = 0; within < shm::kChunkBuckets; ++within) {
      const std::uint64_t count = count_at(chunk.first_slot + within);
      if (count != 0) buckets.emplace_back(bucket_at(chunk.chunk, within), count);
    }
  }
}

}  // namespace notch::agent
