// A histogram row as cumulative buckets: read from a classic one, derived from a native one, for
// the formats and scrapers that know no native histograms.
// Called by: exposition_text, exposition_protobuf.
//
// Invariants
//   CB1  `bounds` is finite and strictly increasing; `cumulative` has one entry more, for +Inf, and
//        never decreases.
//   CB2  The count is the +Inf bucket: no count is read apart from the buckets.
//
// The rule for a native histogram. The bounds are the powers of two from the lower edge of the
// lowest populated bucket to the upper edge of the highest (of base^n for schemas below 0, whose
// buckets hold several powers); the negative side is mirrored. Powers between them stand even when
// nothing was counted there, so that sums over series by `le` stay right. Where the zero bucket is
// populated its threshold is a bound too, unless it reaches above the lowest positive bound; it
// counts from the first bound on that its threshold does not reach above. At
// most kMaxDerivedBounds of a side, the ones farthest from zero; what lies nearer counts in the
// next bucket up. Observations at exactly -2^n count from the next bound up on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "agent/family/snapshot.h"

namespace notch::agent {

inline constexpr std::size_t kMaxDerivedBounds = 160;

// 2^-128, what zero_threshold is taken for when a family has none: scrapers know an empty native
// histogram by its threshold alone.
inline constexpr double kDefaultZeroThreshold = 0x1p-128;

// Buckets of a side in ascending order.
using NativeBuckets = std::span<const std::pair<std::int32_t, std::uint64_t>>;

struct ClassicBuckets {
  std::vector<double> bounds;
  std::vector<std::uint64_t> cumulative;
  double sum = 0;

  std::uint64_t count() const noexcept { return cumulative.back(); }
};

// All fill `out`, reusing its memory. False if the row counts more than a page can say
// (kMostRowCount): it is to be left out, and `out` is not to be used.

// `slots`: the row's. `out.bounds` is not touched: the caller sets it once for the family.
bool read_classic(const Family& family, const std::uint64_t* slots, ClassicBuckets& out);

bool derive_classic(const Family& family, const NativeValue& value, ClassicBuckets& out);

double zero_threshold(const Family& family) noexcept;

// The buckets whose index a double can have; others are no observation of anybody's.
NativeBuckets plausible(NativeBuckets buckets) noexcept;

// The count of the row, from plausible buckets; no further than the end of u64.
std::uint64_t native_count(const NativeValue& value) noexcept;

}  // namespace notch::agent
