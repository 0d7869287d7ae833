// The tally's snapshots: which rows there are (made anew only when they change), and one round's
// numbers beside them. Called by: collect.cc, at each gather.
#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/family/row_slots.h"
#include "agent/tally/overflow_labels.h"
#include "agent/tally/tally.h"

namespace notch::agent {

struct Tally::Layout {
  struct FamilyRows {
    std::uint32_t family = 0;
    std::uint32_t first_row = 0;
    std::uint32_t first_native = 0;
    std::uint32_t rows = 0;
    std::shared_ptr<const Family> definition;
  };
  std::vector<FamilyRows> families;     // by name
  std::vector<std::uint32_t> place_of;  // family id to index in `families`
  std::vector<Row> rows;                // family by family
  struct QuietRow {
    std::uint32_t place = 0;  // in `families`
    std::uint32_t row = 0;    // in `rows`
  };
  std::vector<QuietRow> quiet_rows;        // those of a group
  std::uint32_t groups = 1;                // numbers of groups in use; 0 is none
  std::vector<std::uint32_t> native_rows;  // the tally's row ids, as Row::detail counts
  std::shared_ptr<const TextArena> text;
};

std::shared_ptr<const Tally::Layout> Tally::make_layout() const {
  auto layout = std::make_shared<Layout>();
  for (std::uint32_t family = 0; family < families_.size(); ++family) {
    if (families_.rows(family) == 0) continue;
    layout->families.push_back({family, 0, 0, 0, families_.definition(family)});
  }
  std::ranges::sort(layout->families, {},
                    [](const auto& rows) -> const std::string& { return rows.definition->name; });
  layout->place_of.resize(families_.size(), kNoFamily);
  std::uint32_t rows = 0;
  std::uint32_t natives = 0;
  for (std::uint32_t place = 0; place < layout->families.size(); ++place) {
    Layout::FamilyRows& family = layout->families[place];
    layout->place_of[family.family] = place;
    family.first_row = rows;
    family.first_native = natives;
    rows += families_.rows(family.family);
    if (family.definition->type == MetricType::kNativeHistogram) {
      natives += families_.rows(family.family);
    }
  }
  layout->rows.resize(rows);
  layout->native_rows.resize(natives);
  std::unordered_map<std::uint32_t, std::uint32_t> groups;  // a row's number to the layout's
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    const RowRecord& record = rows_[row];
    if (record.erased()) continue;
    Layout::FamilyRows& family = layout->families[layout->place_of[record.family]];
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
  layout->text = rows_.arena();
  return layout;
}

NativeValue Tally::native_value(const RowRecord& row, const std::uint64_t* slots) const {
  NativeValue value;
  value.zero_count = slots[row.first_slot];
  value.sum = std::bit_cast<double>(slots[row.first_slot + 1]);
  const auto take = [slots](const std::vector<NativeChunk>& chunks, auto& buckets) {
    constexpr auto kBuckets = static_cast<std::int32_t>(shm::kChunkBuckets);
    for (const NativeChunk& chunk : chunks) {
      for (std::int32_t i = 0; i < kBuckets; ++i) {
        const std::uint64_t count = slots[chunk.first_slot + static_cast<std::uint32_t>(i)];
        if (count != 0) buckets.emplace_back(chunk.chunk * kBuckets + i, count);
      }
    }
  };
  take(natives_[row.native].positive, value.positive);
  take(natives_[row.native].negative, value.negative);
  return value;
}

void Tally::end_gather_unseen() {
  slots_.finish_round();
  find_back_steps();
}

Snapshot Tally::finish_gather() {
  const auto slots = slots_.finish_round();
  find_back_steps();
  if (layout_ == nullptr) layout_ = make_layout();
  shown_rows_ = rows_.size();
  const Layout& layout = *layout_;

  auto natives = std::make_shared<std::vector<NativeValue>>();
  natives->reserve(layout.native_rows.size());
  for (const std::uint32_t row : layout.native_rows) {
    natives->push_back(native_value(rows_[row], slots->data()));
    if (const auto* exemplars = exemplars_.of_native(row)) natives->back().exemplars = *exemplars;
  }
  // Rows ascend with their first slots (RT1), so each family's exemplars come in the slots' order.
  auto exemplars = std::make_shared<std::vector<std::vector<Exemplar>>>(layout.families.size());
  for (const auto& [key, exemplar] : exemplars_.of_slots()) {
    const RowRecord& record = rows_[key.first];
    std::vector<Exemplar>& of_family = (*exemplars)[layout.place_of[record.family]];
    of_family.push_back(exemplar);
    of_family.back().slot = record.first_slot + key.second;
  }

  auto shown = std::make_shared<std::vector<std::uint8_t>>(layout.groups);
  Snapshot snapshot;
  snapshot.families.reserve(layout.families.size());
  for (std::size_t place = 0; place < layout.families.size(); ++place) {
    const Layout::FamilyRows& family = layout.families[place];
    FamilySnapshot out;
    out.family = family.definition.get();
    out.rows = std::span(layout.rows).subspan(family.first_row, family.rows);
    out.slots = slots->data();
    out.natives = natives->data() + family.first_native;
    out.exemplars = (*exemplars)[place];
    out.shown_groups = shown->data();
    snapshot.families.push_back(out);
  }
  for (const Layout::QuietRow& quiet : layout.quiet_rows) {
    const Row& row = layout.rows[quiet.row];
    std::uint8_t& is_shown = (*shown)[row.group];
    if (is_shown == 0 && has_counted(snapshot.families[quiet.place], row)) is_shown = 1;
  }
  snapshot.owners = {layout_, slots, natives, exemplars, shown};
  return snapshot;
}

void Tally::take_exemplars(const Binding& binding, std::span<const shm::ExemplarEntry> entries) {
  for (const shm::ExemplarEntry& entry : entries) {
    if (!std::isfinite(entry.value)) continue;
    const auto chunk = std::ranges::find_if(binding.chunks, [&entry](const BoundChunk& bound) {
      return entry.cell - bound.first_cell < shm::kChunkBuckets;
    });
    if (chunk != binding.chunks.end()) {
      if (const std::uint32_t row = binding.series[chunk->series].row; row != kNoRow) {
        exemplars_.keep_native(row, entry);
      }
      continue;
    }
    // The last series that begins at or before the cell; writers hand cells out in order.
    auto after = std::ranges::upper_bound(binding.series, entry.cell, {}, &BoundSeries::first_cell);
    if (after == binding.series.begin()) continue;
    const BoundSeries& series = *--after;
    if (series.row == kNoRow) continue;
    const Family& family = definition(rows_[series.row].family);
    const std::uint32_t offset = entry.cell - series.first_cell;
    if (family.type == MetricType::kCounter && offset == 0) {
      exemplars_.keep(series.row, offset, entry);
    } else if (family.type == MetricType::kHistogram && offset <= family.bounds.size() &&
               (offset == family.bounds.size() || entry.value <= family.bounds[offset]) &&
               (offset == 0 || entry.value > family.bounds[offset - 1])) {
      exemplars_.keep(series.row, offset, entry);
    }
  }
}

}  // namespace notch::agent
