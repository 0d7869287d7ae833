#include "agent/ledger/ledger_values.h"

#include <bit>
#include <cmath>
#include <functional>

#include "agent/family/count_limits.h"
#include "agent/family/row_slots.h"
#include "shm/layout.h"

namespace notch::agent {

namespace {

using Buckets = std::vector<std::pair<std::int32_t, std::uint64_t>>;

// False if it was left out.
bool add_double(std::uint64_t amount_bits, std::uint64_t& total_bits) noexcept {
  const double sum = std::bit_cast<double>(total_bits) + std::bit_cast<double>(amount_bits);
  if (!std::isfinite(sum)) return false;
  total_bits = std::bit_cast<std::uint64_t>(sum);
  return true;
}

// Both hold the complement of a double's bits, 0 for no value.
void combine_gauge(Combine combine, std::uint64_t change, std::uint64_t& total) noexcept {
  if (change == 0) return;
  const double value = std::bit_cast<double>(~change);
  const double now = std::bit_cast<double>(~total);
  if (combine == Combine::kEach) {
    total = change;
    return;
  }
  if (std::isnan(value)) return;
  if (total == 0) {
    if (combine != Combine::kSum || std::isfinite(value)) total = change;
    return;
  }
  switch (combine) {
    case Combine::kSum:
      if (std::isfinite(now + value)) total = ~std::bit_cast<std::uint64_t>(now + value);
      return;
    case Combine::kMin:
      if (value < now) total = change;
      return;
    case Combine::kMax:
      if (value > now) total = change;
      return;
    case Combine::kLast:
    case Combine::kEach:
      return;
  }
}

// Of each two, [complement of a value's bits, its time], the later.
void replace_if_later(std::span<const std::uint64_t, 2> change,
                      std::span<std::uint64_t, 2> total) noexcept {
  if (change[0] == 0 || (total[0] != 0 && change[1] <= total[1])) return;
  total[0] = change[0];
  total[1] = change[1];
}

void merge_buckets(const Buckets& change, Buckets& total) {
  if (change.empty()) return;
  Buckets merged;
  merged.reserve(total.size() + change.size());
  auto mine = total.cbegin();
  for (const auto& [index, count] : change) {
    while (mine != total.cend() && mine->first < index) merged.push_back(*mine++);
    std::uint64_t sum = count;
    if (mine != total.cend() && mine->first == index) {
      sum = add_up_to(kMostBucketSum, sum, (mine++)->second);
    }
    if (sum != 0) merged.emplace_back(index, sum);
  }
  merged.insert(merged.end(), mine, total.cend());
  total.swap(merged);
}

bool passes_the_range(const Family& family, const RowChange& change) noexcept {
  if (row_parts(family).kind != SlotKind::kBucket) return false;
  for (const std::uint64_t count : std::span(change.slots).first(first_slots(family))) {
    if (count > kMostBucketSum) return true;
  }
  for (const Buckets* buckets : {&change.positive, &change.negative}) {
    for (const auto& [index, count] : *buckets) {
      if (count > kMostBucketSum) return true;
    }
  }
  return false;
}

bool ascending(const Buckets& buckets) noexcept {
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i - 1].first >= buckets[i].first) return false;
  }
  return true;
}

}  // namespace

RowChange empty_total(const Family& family, std::uint32_t row) {
  RowChange total;
  total.row = row;
  total.slots.resize(slot_count(family));
  return total;
}

const char* family_fault(const Family& family) noexcept {
  if (family.name.empty()) return "its name is empty";
  if (family.schema < -4 || family.schema > 8) return "its schema is not within -4..8";
  if (!(family.zero_threshold >= 0) || !std::isfinite(family.zero_threshold)) {
    return "its zero threshold is negative or not finite";
  }
  if (family.bounds.size() > shm::kMaxBounds) return "it has too many bounds";
  if (!family.bounds.empty() && family.type != MetricType::kHistogram) {
    return "it has bounds but is no histogram";
  }
  for (std::size_t i = 0; i < family.bounds.size(); ++i) {
    if (!std::isfinite(family.bounds[i])) return "a bound is not finite";
    if (i > 0 && family.bounds[i] <= family.bounds[i - 1]) return "its bounds do not increase";
  }
  return nullptr;
}

const char* change_fault(const Family& family, const RowChange& change) noexcept {
  if (change.slots.size() != slot_count(family)) return "another number of slots than its family";
  if (passes_the_range(family, change)) return "a bucket's count is past 2^62";
  if (!row_parts(family).has_chunks) {
    if (!change.positive.empty() || !change.negative.empty()) return "buckets but not native";
    return nullptr;
  }
  if (!ascending(change.positive) || !ascending(change.negative)) return "buckets not ascending";
  return nullptr;
}

std::size_t add_slots(const Family& family, std::span<const std::uint64_t> change,
                      std::span<std::uint64_t> total) noexcept {
  std::size_t left_out = 0;
  const std::size_t first = first_slots(family);
  switch (row_parts(family).kind) {
    case SlotKind::kCount:
      for (std::size_t i = 0; i < first; ++i) total[i] = add_up_to(kMostCount, total[i], change[i]);
      break;
    case SlotKind::kBucket:
      for (std::size_t i = 0; i < first; ++i) {
        total[i] = add_up_to(kMostBucketSum, total[i], change[i]);
      }
      break;
    case SlotKind::kSigned:
      for (std::size_t i = 0; i < first; ++i) total[i] += change[i];
      break;
    case SlotKind::kFloat:
      for (std::size_t i = 0; i < first; ++i) left_out += add_double(change[i], total[i]) ? 0U : 1U;
      break;
    case SlotKind::kGauge:
      for (std::size_t i = 0; i < first; ++i) combine_gauge(family.combine, change[i], total[i]);
      break;
    case SlotKind::kLast:
      replace_if_later(change.first<2>(), total.first<2>());
      break;
  }
  if (row_parts(family).has_sum) left_out += add_double(change[first], total[first]) ? 0U : 1U;
  return left_out;
}

void add_change(const Family& family, const RowChange& change, RowChange& total) {
  add_slots(family, change.slots, total.slots);
  if (!row_parts(family).has_chunks) return;
  merge_buckets(change.positive, total.positive);
  merge_buckets(change.negative, total.negative);
}

}  // namespace notch::agent
