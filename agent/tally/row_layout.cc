#include "agent/tally/row_layout.h"

#include <algorithm>
#include <bit>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "agent/family/row_slots.h"
#include "agent/tally/overflow_labels.h"

namespace notch::agent {
namespace {

// Sorts the families and gives each the place of its first row.
void place_families(const RowStore& store, RowLayout& layout) {
  const FamilyTable& families = store.families();
  for (std::uint32_t family = 0; family < families.size(); ++family) {
    if (families.rows(family) == 0) continue;
    layout.families.push_back({family, 0, 0, 0, families.definition(family)});
  }
  std::ranges::sort(layout.families, {},
                    [](const auto& rows) -> const std::string& { return rows.definition->name; });
  layout.place_of.resize(families.size(), kNoFamily);
  std::uint32_t rows = 0;
  std::uint32_t natives = 0;
  for (std::uint32_t place = 0; place < layout.families.size(); ++place) {
    RowLayout::FamilyRows& family = layout.families[place];
    layout.place_of[family.family] = place;
    family.first_row = rows;
    family.first_native = natives;
    rows += families.rows(family.family);
    if (row_parts(*family.definition).has_chunks) natives += families.rows(family.family);
  }
  layout.rows.resize(rows);
  layout.native_rows.resize(natives);
}

NativeValue native_value(const RowStore& rows, const RowRecord& row, const std::uint64_t* slots) {
  NativeValue value;
  value.zero_count = slots[row.first_slot];
  value.sum = std::bit_cast<double>(slots[row.first_slot + 1]);
  const auto now = [slots](std::uint32_t slot) { return slots[slot]; };
  append_buckets(rows.native(row).positive, now, value.positive);
  append_buckets(rows.native(row).negative, now, value.negative);
  return value;
}

std::vector<NativeValue> native_values(const RowStore& rows, const RowLayout& layout,
                                       const std::uint64_t* slots) {
  std::vector<NativeValue> natives;
  natives.reserve(layout.native_rows.size());
  for (const std::uint32_t row : layout.native_rows) {
    natives.push_back(native_value(rows, rows[row], slots));
    if (const auto* exemplars = rows.exemplars().of_native(row)) {
      natives.back().exemplars = *exemplars;
    }
  }
  return natives;
}

// By family. Rows ascend with their first slots (RT1 of row_table.h), so each family's come in the slots' order.
std::vector<std::vector<Exemplar>> slot_exemplars(const RowStore& rows, const RowLayout& layout) {
  std::vector<std::vector<Exemplar>> exemplars(layout.families.size());
  for (const auto& [key, exemplar] : rows.exemplars().of_slots()) {
    const RowRecord& record = rows[key.first];
    std::vector<Exemplar>& of_family = exemplars[layout.place_of[record.family]];
    of_family.push_back(exemplar);
    of_family.back().slot = record.first_slot + key.second;
  }
  return exemplars;
}

}  // namespace

std::shared_ptr<const RowLayout> make_layout(const RowStore& rows) {
  auto layout = std::make_shared<RowLayout>();
  layout->generation = rows.generation();
  place_families(rows, *layout);
  std::unordered_map<std::uint32_t, std::uint32_t> groups;  // a row's number to the layout's
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    const RowRecord& record = rows[row];
    if (record.erased()) continue;
    RowLayout::FamilyRows& family = layout->families[layout->place_of[record.family]];
    Row& made = layout->rows[family.first_row + family.rows];
    made = {record.labels(),
            record.first_slot,
            family.rows,
            record.created_unix_s,
            has_overflow_mark(record.labels()),
            0};
    if (record.group != 0) {
      made.group = groups.try_emplace(record.group, layout->groups).first->second;
      if (made.group == layout->groups) ++layout->groups;
      layout->quiet_rows.push_back(
          {layout->place_of[record.family], family.first_row + family.rows});
    }
    if (record.native != kNoNative) layout->native_rows[family.first_native + family.rows] = row;
    ++family.rows;
  }
  layout->text = rows.text();
  return layout;
}

Snapshot make_snapshot(const RowStore& rows, const std::shared_ptr<const RowLayout>& layout,
                       const std::shared_ptr<const SlotStore::Buffer>& slots) {
  const auto natives =
      std::make_shared<std::vector<NativeValue>>(native_values(rows, *layout, slots->data()));
  const auto exemplars =
      std::make_shared<std::vector<std::vector<Exemplar>>>(slot_exemplars(rows, *layout));
  const auto shown = std::make_shared<std::vector<std::uint8_t>>(layout->groups);
  Snapshot snapshot;
  snapshot.families.reserve(layout->families.size());
  for (std::size_t place = 0; place < layout->families.size(); ++place) {
    const RowLayout::FamilyRows& family = layout->families[place];
    FamilySnapshot out;
    out.family = family.definition.get();
    out.rows = std::span(layout->rows).subspan(family.first_row, family.rows);
    out.slots = slots->data();
    out.natives = natives->data() + family.first_native;
    out.exemplars = (*exemplars)[place];
    out.shown_groups = shown->data();
    snapshot.families.push_back(out);
  }
  for (const RowLayout::QuietRow& quiet : layout->quiet_rows) {
    const Row& row = layout->rows[quiet.row];
    std::uint8_t& is_shown = (*shown)[row.group];
    if (is_shown == 0 && has_counted(snapshot.families[quiet.place], row)) is_shown = 1;
  }
  snapshot.owners = {layout, slots, natives, exemplars, shown};
  return snapshot;
}

}  // namespace notch::agent
