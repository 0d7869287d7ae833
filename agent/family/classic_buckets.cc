#include "agent/family/classic_buckets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "agent/family/count_limits.h"

namespace notch::agent {
namespace {

// 2^-1075 < every positive double < 2^1024, at the finest schema, 8.
constexpr std::int32_t kLowestIndex = -1075 * 256;
constexpr std::int32_t kHighestIndex = 1024 * 256 + 1;
constexpr std::int64_t kLowestExponent = -1074;
constexpr std::int64_t kHighestExponent = 1023;  // 2^1024 is infinite: that bucket is +Inf's

std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  return value >= 0 ? value / by : -((-value + by - 1) / by);
}

// Powers of two as bounds: bucket i lies within (2^lower(i), 2^upper(i)].
class Powers {
 public:
  explicit Powers(std::int8_t schema)
      : step_(schema < 0 ? std::int64_t{1} << std::min(-schema, 4) : 1),
        buckets_per_step_(schema > 0 ? std::int64_t{1} << std::min<int>(schema, 8) : 1) {}

  std::int64_t upper(std::int32_t index) const {
    return -floor_divide(-std::int64_t{index}, buckets_per_step_) * step_;
  }
  std::int64_t lower(std::int32_t index) const { return upper(index) - step_; }
  std::int64_t step() const { return step_; }

 private:
  std::int64_t step_;
  std::int64_t buckets_per_step_;
};

// The exponents of a side's bounds, lowest to highest; empty if low > high.
struct ExponentRange {
  std::int64_t low = 0;
  std::int64_t high = -1;
};

ExponentRange bounds_of(NativeBuckets buckets, const Powers& powers) {
  if (buckets.empty()) return {};
  const std::int64_t step = powers.step();
  ExponentRange range{powers.lower(buckets.front().first), powers.upper(buckets.back().first)};
  range.low = std::max(range.low, kLowestExponent / step * step);
  range.high = std::min(range.high, kHighestExponent / step * step);
  const auto most = static_cast<std::int64_t>(kMaxDerivedBounds - 1) * step;
  range.low = std::max(range.low, range.high - most);
  return range;
}

void add_bound(ClassicBuckets& out, double bound, std::uint64_t cumulative) {
  out.bounds.push_back(bound);
  out.cumulative.push_back(cumulative);
}

// From the most negative bound up. Returns the count of the whole side.
std::uint64_t derive_negative(NativeBuckets buckets, const Powers& powers, ClassicBuckets& out) {
  const ExponentRange range = bounds_of(buckets, powers);
  std::uint64_t counted = 0;
  std::size_t left = buckets.size();
  for (std::int64_t exponent = range.high; exponent >= range.low; exponent -= powers.step()) {
    for (; left > 0 && powers.lower(buckets[left - 1].first) >= exponent; --left) {
      counted += buckets[left - 1].second;
    }
    add_bound(out, -std::ldexp(1.0, static_cast<int>(exponent)), counted);
  }
  for (; left > 0; --left) counted += buckets[left - 1].second;
  return counted;
}

// The zero bucket: how much of it is not counted yet, and from which bound on it is.
struct ZeroBucket {
  std::uint64_t count = 0;
  double threshold = 0;
};

// `counted`: what lies below. Returns the count of everything.
std::uint64_t derive_positive(NativeBuckets buckets, const Powers& powers, std::uint64_t counted,
                              ZeroBucket zero, ClassicBuckets& out) {
  const ExponentRange range = bounds_of(buckets, powers);
  std::size_t next = 0;
  for (std::int64_t exponent = range.low; exponent <= range.high; exponent += powers.step()) {
    const double bound = std::ldexp(1.0, static_cast<int>(exponent));
    if (bound >= zero.threshold) counted += std::exchange(zero.count, 0);
    for (; next < buckets.size() && powers.upper(buckets[next].first) <= exponent; ++next) {
      counted += buckets[next].second;
    }
    add_bound(out, bound, counted);
  }
  for (; next < buckets.size(); ++next) counted += buckets[next].second;
  return counted + zero.count;
}

std::uint64_t side_count(NativeBuckets buckets) noexcept {
  std::uint64_t count = 0;
  for (const auto& [index, population] : buckets) count = add_up_to(kMostCount, count, population);
  return count;
}

}  // namespace

bool read_classic(const Family& family, const std::uint64_t* slots, ClassicBuckets& out) {
  const std::size_t buckets = family.bounds.size() + 1;
  out.cumulative.resize(buckets);
  std::uint64_t counted = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    if (slots[i] > kMostRowCount - counted) return false;
    out.cumulative[i] = counted += slots[i];
  }
  out.sum = std::bit_cast<double>(slots[buckets]);
  return true;
}

bool derive_classic(const Family& family, const NativeValue& value, ClassicBuckets& out) {
  if (native_count(value) > kMostRowCount) return false;
  out.bounds.clear();
  out.cumulative.clear();
  out.sum = value.sum;
  const Powers powers(family.schema);
  const NativeBuckets positive = plausible(value.positive);
  std::uint64_t counted = derive_negative(plausible(value.negative), powers, out);
  ZeroBucket zero = {value.zero_count, zero_threshold(family)};
  const ExponentRange above = bounds_of(positive, powers);
  const bool fits_below =
      above.low > above.high || zero.threshold < std::ldexp(1.0, static_cast<int>(above.low));
  if (zero.count > 0 && fits_below) {
    counted += std::exchange(zero.count, 0);
    add_bound(out, zero.threshold, counted);
  }
  out.cumulative.push_back(derive_positive(positive, powers, counted, zero, out));
  return true;
}

double zero_threshold(const Family& family) noexcept {
  const double threshold = family.zero_threshold;
  return threshold > 0 && std::isfinite(threshold) ? threshold : kDefaultZeroThreshold;
}

NativeBuckets plausible(NativeBuckets buckets) noexcept {
  while (!buckets.empty() && buckets.front().first < kLowestIndex) buckets = buckets.subspan(1);
  while (!buckets.empty() && buckets.back().first > kHighestIndex) {
    buckets = buckets.first(buckets.size() - 1);
  }
  return buckets;
}

std::uint64_t native_count(const NativeValue& value) noexcept {
  const std::uint64_t sides = add_up_to(kMostCount, side_count(plausible(value.negative)),
                                        side_count(plausible(value.positive)));
  return add_up_to(kMostCount, value.zero_count, sides);
}

}  // namespace notch::agent
