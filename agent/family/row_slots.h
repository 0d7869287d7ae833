// The slots of a row, by its family's type: their number, and the value of a scalar.
// Called by: ledger_values, tally, page, the exposition writers.
#pragma once

#include <cstdint>

#include "agent/family/snapshot.h"

namespace notch::agent {

constexpr bool is_gauge(const Family& family) noexcept {
  return family.type == MetricType::kGauge || family.type == MetricType::kUnknown;
}

// Its row keeps the time of the value beside it.
constexpr bool is_last_gauge(const Family& family) noexcept {
  return is_gauge(family) && family.number == Number::kFloat && family.combine == Combine::kLast;
}

// How many slots a row of this family has in the tally and in the ledger.
std::uint32_t slot_count(const Family& family) noexcept;

// The value of a scalar row. A gauge that was never set is absent; a counter that is NaN or negative is
// faulty, because no format may carry it.
enum class Presence : std::uint8_t { kPresent, kAbsent, kFaulty };
Presence presence(const Family& family, std::uint64_t slot) noexcept;

// The row's one slot as the bits of what `family.number` says: complements undone.
std::uint64_t scalar_bits(const Family& family, std::uint64_t slot) noexcept;
double scalar_value(const Family& family, std::uint64_t slot) noexcept;

bool has_counted(const FamilySnapshot& family, const Row& row) noexcept;

}  // namespace notch::agent
