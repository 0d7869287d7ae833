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

void add_double(std::uint64_t amount_bits, std::uint64_t& total_bits) noexcept {
  const double sum = std::bit_cast<double>(total_bits) + std::bit_cast<double>(amount_bits);
  if (std::isfinite(sum)) total_bits = std::bit_cast<std::uint64_t>(sum);
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

void add_gauge(const Family& family, const RowChange& change, RowChange& total) noexcept {
  if (family.number != Number::kFloat) {
    total.slots[0] += change.slots[0];
  } else if (family.combine != Combine::kLast) {
    combine_gauge(family.combine, change.slots[0], total.slots[0]);
  } else if (change.slots[0] != 0 && (total.slots[0] == 0 || change.slots[1] > total.slots[1])) {
    total.slots[0] = change.slots[0];
    total.slots[1] = change.slots[1];
  }
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
  if (!is_histogram(family)) return false;
  for (std::size_t i = 0; i + 1 < change.slots.size(); ++i) {
    if (change.slots[i] > kMostBucketSum) return true;
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
  if (family.type != MetricType::kNativeHistogram) {
    if (!change.positive.empty() || !change.negative.empty()) return "buckets but not native";
    return nullptr;
  }
  if (!ascending(change.positive) || !ascending(change.negative)) return "buckets not ascending";
  return nullptr;
}

void add_change(const Family& family, const RowChange& change, RowChange& total) {
  switch (family.type) {
    case MetricType::kCounter:
      if (family.number == Number::kFloat) {
        add_double(change.slots[0], total.slots[0]);
      } else {
        total.slots[0] = add_up_to(kMostCount, total.slots[0], change.slots[0]);
      }
      return;
    case MetricType::kGauge:
    case MetricType::kUnknown:
      add_gauge(family, change, total);
      return;
    case MetricType::kHistogram:
      for (std::size_t i = 0; i + 1 < total.slots.size(); ++i) {
        total.slots[i] = add_up_to(kMostBucketSum, total.slots[i], change.slots[i]);
      }
      add_double(change.slots.back(), total.slots.back());
      return;
    case MetricType::kNativeHistogram:
      total.slots[0] = add_up_to(kMostBucketSum, total.slots[0], change.slots[0]);
      add_double(change.slots[1], total.slots[1]);
      merge_buckets(change.positive, total.positive);
      merge_buckets(change.negative, total.negative);
      return;
  }
}

}  // namespace notch::agent
