#include "agent/expose/page.h"

#include <algorithm>
#include <utility>

#include "agent/expose/exposition_protobuf.h"
#include "agent/expose/exposition_text.h"
#include "agent/family/row_slots.h"
#include "agent/family/sample_names.h"

namespace notch::agent {
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

bool is_silent(const FamilySnapshot& family, const Row& row) noexcept {
  if (row.group != 0) return family.shown_groups[row.group] == 0;
  return row.overflow && !has_counted(family, row);
}

bool has_output(const FamilySnapshot& family) noexcept {
  return std::ranges::any_of(family.rows, [&](const Row& row) {
    if (is_silent(family, row)) return false;
    if (is_histogram(*family.family)) return true;
    return presence(*family.family, family.slots[row.first_slot]) == Presence::kPresent;
  });
}

bool shows_unit(const Family& family) noexcept {
  const std::string_view unit = family.unit;
  const std::string_view base = base_name(family);
  return !unit.empty() && base.size() > unit.size() + 1 && base.ends_with(unit) &&
         base[base.size() - unit.size() - 1] == '_';
}

}  // namespace notch::agent
