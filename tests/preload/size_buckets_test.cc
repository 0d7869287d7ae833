// The bucket of a size against the plain rule: the first bound that is not below it.
#include <gtest/gtest.h>

#include "client/preload/malloc_figures.h"

namespace notch::preload {
namespace {

std::uint64_t bucket_by_search(std::uint64_t bytes) {
  std::uint64_t bucket = 0;
  while (bucket < kSizeBounds && (std::uint64_t{1} << (kFirstSizeBit + bucket)) < bytes) ++bucket;
  return bucket;
}

TEST(SizeBuckets, BoundsAreInclusive) {
  EXPECT_EQ(size_bucket(0), 0U);
  EXPECT_EQ(size_bucket(16), 0U);
  EXPECT_EQ(size_bucket(17), 1U);
  EXPECT_EQ(size_bucket(std::uint64_t{1} << kLastSizeBit), kSizeBounds - 1);
  EXPECT_EQ(size_bucket((std::uint64_t{1} << kLastSizeBit) + 1), kSizeBounds);
  EXPECT_EQ(size_bucket(~std::uint64_t{0} >> 1), kSizeBounds);
}

TEST(SizeBuckets, EverySizeNearAPowerOfTwoHasItsOwn) {
  for (std::uint64_t bytes = 0; bytes < 100000; ++bytes)
    ASSERT_EQ(size_bucket(bytes), bucket_by_search(bytes)) << bytes;
  for (std::uint32_t bit = 4; bit < 63; ++bit) {
    for (std::uint64_t off = 0; off < 5; ++off) {
      const std::uint64_t bytes = (std::uint64_t{1} << bit) + off - 2;
      ASSERT_EQ(size_bucket(bytes), bucket_by_search(bytes)) << bytes;
    }
  }
}

}  // namespace
}  // namespace notch::preload
