#include "agent/expose/exemplar_choice.h"

#include <algorithm>
#include <cmath>

namespace notch::agent {
namespace {

bool is_later(const Exemplar& one, const Exemplar& other) noexcept {
  return exemplar_ms(one.unix_time_ns) > exemplar_ms(other.unix_time_ns);
}

}  // namespace

std::span<const Exemplar> exemplars_of(std::span<const Exemplar> ascending,
                                       std::uint32_t slot) noexcept {
  // Not equal_range: clang 14 does not take libstdc++'s subrange.
  const auto first = std::ranges::lower_bound(ascending, slot, {}, &Exemplar::slot);
  return {first, std::ranges::upper_bound(first, ascending.end(), slot, {}, &Exemplar::slot)};
}

const Exemplar* newest(std::span<const Exemplar> exemplars) noexcept {
  const Exemplar* chosen = nullptr;
  for (const Exemplar& exemplar : exemplars) {
    if (!std::isfinite(exemplar.value)) continue;
    if (chosen == nullptr || is_later(exemplar, *chosen)) chosen = &exemplar;
  }
  return chosen;
}

void ExemplarChoice::offer(std::size_t bucket, const Exemplar& exemplar,
                           const ClassicBuckets& buckets) {
  const bool above = bucket == 0 || exemplar.value > buckets.bounds[bucket - 1];
  const bool below = bucket == buckets.bounds.size() || exemplar.value <= buckets.bounds[bucket];
  if (!std::isfinite(exemplar.value) || !above || !below) {
    ++misplaced_;
    return;
  }
  const Exemplar*& chosen = chosen_[bucket];
  if (chosen == nullptr || is_later(exemplar, *chosen)) chosen = &exemplar;
}

void ExemplarChoice::choose_classic(std::span<const Exemplar> ascending, std::uint32_t first_slot,
                                    const ClassicBuckets& buckets) {
  chosen_.clear();
  if (ascending.empty()) return;
  const std::size_t bucket_count = buckets.bounds.size() + 1;
  auto next = std::ranges::lower_bound(ascending, first_slot, {}, &Exemplar::slot);
  for (; next != ascending.end() && next->slot - first_slot < bucket_count; ++next) {
    chosen_.resize(bucket_count);
    offer(next->slot - first_slot, *next, buckets);
  }
}

void ExemplarChoice::choose_native(std::span<const Exemplar> exemplars,
                                   const ClassicBuckets& buckets) {
  chosen_.clear();
  if (exemplars.empty()) return;
  chosen_.resize(buckets.bounds.size() + 1);
  for (const Exemplar& exemplar : exemplars) {
    const auto bound = std::ranges::lower_bound(buckets.bounds, exemplar.value);
    offer(static_cast<std::size_t>(bound - buckets.bounds.begin()), exemplar, buckets);
  }
}

void ExemplarChoice::choose_newest(std::span<const Exemplar> exemplars,
                                   const ClassicBuckets& buckets) {
  const Exemplar* const chosen = newest(exemplars);
  choose_native(chosen == nullptr || chosen->unix_time_ns == 0 ? std::span<const Exemplar>()
                                                               : std::span(chosen, 1),
                buckets);
}

}  // namespace notch::agent
