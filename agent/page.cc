#include "agent/page.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "agent/exposition_protobuf.h"
#include "agent/exposition_text.h"
#include "agent/ledger_values.h"

namespace notch::agent {
namespace {

constexpr std::string_view kTotal = "_total";

bool holds_complement(const Family& family) noexcept {
  const bool may_be_unset =
      family.type == MetricType::kGauge || family.type == MetricType::kUnknown;
  return may_be_unset && family.number == Number::kFloat;
}

bool is_scalar(const Family& family) noexcept {
  return family.type != MetricType::kHistogram && family.type != MetricType::kNativeHistogram;
}

}  // namespace

Page write_page(const Snapshot& snapshot, Format format, std::shared_ptr<SpareMemory> spare) {
  switch (format) {
    case Format::kOpenMetrics:
      return write_openmetrics(snapshot, std::move(spare));
    case Format::kProtobuf:
      return write_protobuf(snapshot, std::move(spare));
    case Format::kText:
      break;
  }
  return write_text(snapshot, std::move(spare));
}

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
  if (family.family->type == MetricType::kNativeHistogram) {
    const NativeValue& value = family.natives[row.detail];
    return value.zero_count != 0 || !value.positive.empty() || !value.negative.empty();
  }
  const std::uint64_t* const slots = family.slots + row.first_slot;
  return std::any_of(slots, slots + slot_count(*family.family),
                     [](std::uint64_t slot) { return slot != 0; });
}

bool is_silent(const FamilySnapshot& family, const Row& row) noexcept {
  if (row.group != 0) return family.shown_groups[row.group] == 0;
  return row.overflow && !has_counted(family, row);
}

bool has_output(const FamilySnapshot& family) noexcept {
  return std::ranges::any_of(family.rows, [&](const Row& row) {
    if (is_silent(family, row)) return false;
    if (!is_scalar(*family.family)) return true;
    return presence(*family.family, family.slots[row.first_slot]) == Presence::kPresent;
  });
}

std::string_view base_name(const Family& family) noexcept {
  const std::string_view name = family.name;
  if (family.type != MetricType::kCounter || lacks_total(family)) return name;
  return name.substr(0, name.size() - kTotal.size());
}

bool lacks_total(const Family& family) noexcept {
  return family.type == MetricType::kCounter &&
         (family.name.size() <= kTotal.size() || !family.name.ends_with(kTotal));
}

bool shows_unit(const Family& family) noexcept {
  const std::string_view unit = family.unit;
  const std::string_view base = base_name(family);
  return !unit.empty() && base.size() > unit.size() + 1 && base.ends_with(unit) &&
         base[base.size() - unit.size() - 1] == '_';
}

}  // namespace notch::agent
