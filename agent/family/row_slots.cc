#include "agent/family/row_slots.h"

#include <algorithm>
#include <bit>

namespace notch::agent {
namespace {

bool holds_complement(const Family& family) noexcept {
  const SlotKind kind = row_parts(family).kind;
  return kind == SlotKind::kGauge || kind == SlotKind::kLast;
}

}  // namespace

Presence presence(const Family& family, std::uint64_t slot) noexcept {
  if (holds_complement(family)) return slot == 0 ? Presence::kAbsent : Presence::kPresent;
  if (family.type != MetricType::kCounter || family.number == Number::kUnsigned) {
    return Presence::kPresent;
  }
  return scalar_value(family, slot) >= 0 ? Presence::kPresent : Presence::kFaulty;
}

std::uint64_t scalar_bits(const Family& family, std::uint64_t slot) noexcept {
  return holds_complement(family) ? ~slot : slot;
}

double scalar_value(const Family& family, std::uint64_t slot) noexcept {
  const std::uint64_t bits = scalar_bits(family, slot);
  switch (family.number) {
    case Number::kUnsigned:
      return static_cast<double>(bits);
    case Number::kSigned:
      return static_cast<double>(static_cast<std::int64_t>(bits));
    case Number::kFloat:
      break;
  }
  return std::bit_cast<double>(bits);
}

bool has_counted(const FamilySnapshot& family, const Row& row) noexcept {
  if (row_parts(*family.family).has_chunks) {
    const NativeValue& value = family.natives[row.detail];
    return value.zero_count != 0 || !value.positive.empty() || !value.negative.empty();
  }
  const std::uint64_t* const slots = family.slots + row.first_slot;
  return std::any_of(slots, slots + slot_count(*family.family),
                     [](std::uint64_t slot) { return slot != 0; });
}

}  // namespace notch::agent
