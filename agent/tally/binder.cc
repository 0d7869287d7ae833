#include "agent/tally/binder.h"

#include <string_view>
#include <utility>

#include "agent/family/label_text.h"
#include "agent/family/metric_names.h"
#include "agent/family/row_slots.h"
#include "agent/files/keyed_hash.h"

namespace notch::agent {
namespace {

RunKind gauge_run(Combine combine) {
  if (combine == Combine::kMin) return RunKind::kMin;
  return combine == Combine::kMax ? RunKind::kMax : RunKind::kSum;
}

// How the cells of a series reach the first slots of its row.
RunKind run_kind(shm::FamilyType type, const Family& family) {
  switch (row_parts(family).kind) {
    case SlotKind::kCount:
      return RunKind::kCount;
    case SlotKind::kBucket:
      return RunKind::kBucket;
    case SlotKind::kSigned:
      return RunKind::kSigned;
    case SlotKind::kFloat:
      return RunKind::kFloat;
    case SlotKind::kLast:
      return RunKind::kLast;
    case SlotKind::kGauge:
      break;
  }
  // An up-down counter of doubles is added in every column, as a counter is.
  if (type == shm::FamilyType::kUpDownCounter) return RunKind::kUpDownFloat;
  return gauge_run(family.combine);
}

}  // namespace

Binder::Binder(Tally& tally, Binding& binding, bool per_process, std::uint64_t series_left,
               std::uint64_t page_bytes)
    : tally_(tally),
      binding_(binding),
      per_process_(per_process),
      series_left_(series_left),
      page_bytes_(page_bytes) {}

void Binder::on_family(shm::FamilyEntry&& entry) {
  // First, so that no exception comes between what it is given and its place.
  BoundFamily& bound = binding_.families.emplace_back();
  bound.type = entry.type;
  JudgedFamily judged = judge_family(entry, per_process_);
  if (judged.fault != Conflict::kNone) return count(judged.fault);
  judged.family.owner_uid = binding_.owner_uid;
  bound.with_pid = per_process_ || judged.family.combine == Combine::kEach;
  bound.columns = std::move(judged.columns);
  bound.quiet_labels = judged.quiet_labels;
  const Admission admission = tally_.admit(judged.family, binding_);
  if (admission.conflict != Conflict::kNone) count(admission.conflict);
  if (is_family_limit(admission.conflict)) ++binding_.left_out.families;
  bound.family = admission.family;
}

bool Binder::take_cells(std::uint64_t cells) {
  if (binding_.cells + cells > binding_.cell_capacity) {
    if (binding_.cells + cells <= binding_.file_cells) binding_.left_out.cells += cells;
    count(Conflict::kCells);
    return false;
  }
  binding_.cells += cells;
  return true;
}

void Binder::begin_labels(const BoundFamily& family) {
  labels_.clear();
  append_label(labels_, "service", binding_.service);
  if (family.with_pid) append_label(labels_, "pid", std::to_string(binding_.pid));
}

std::uint32_t Binder::group_of(const BoundFamily& family, const shm::SeriesEntry& entry) {
  if (family.quiet_labels == 0 || entry.overflow) return 0;
  begin_labels(family);
  for (const LabelColumn& column : family.columns) {
    if (column.value >= family.quiet_labels || column.value >= entry.label_values.size()) continue;
    append_label(labels_, column.name, entry.label_values[column.value]);
  }
  // Two groups of one hash are shown together, which does no harm; 0 is no group.
  return static_cast<std::uint32_t>(keyed_hash(labels_)) | 1U;
}

const std::string& Binder::labels_of(const BoundFamily& family, const shm::SeriesEntry& entry) {
  begin_labels(family);
  if (entry.overflow) {
    append_label(labels_, "overflow", "true");
    return labels_;
  }
  for (const LabelColumn& column : family.columns) {
    if (column.value >= entry.label_values.size()) continue;
    append_label(labels_, column.name, entry.label_values[column.value]);
  }
  return labels_;
}

void Binder::on_series(shm::SeriesEntry&& entry) {
  binding_.series.push_back({kNoRow, entry.first_cell});
  if (entry.family >= binding_.families.size()) return;
  const BoundFamily& family = binding_.families[entry.family];
  if (family.family == kNoFamily) return;
  const auto number = static_cast<std::uint32_t>(binding_.series.size() - 1);
  if (binding_.impossible_series.contains(number)) return;
  if (series_left_ == 0) {
    ++binding_.left_out.series;
    return count(Conflict::kSeriesLimit);
  }
  const std::uint32_t cells = slot_count(tally_.definition(family.family));
  if (entry.cell_count != cells) return count(Conflict::kDefinition);
  if (!take_cells(cells)) return;
  const std::uint32_t row = bind_row(family, entry);
  if (row == kNoRow) {
    binding_.cells -= cells;
    return;
  }
  --series_left_;
  ++binding_.bound_series;
  binding_.series.back().row = row;
  add_runs(family, entry.first_cell, tally_.row(row).first_slot);
}

// kNoRow if there is no room for its text, which is counted then.
std::uint32_t Binder::bind_row(const BoundFamily& family, const shm::SeriesEntry& entry) {
  const Family& definition = tally_.definition(family.family);
  const std::uint32_t group = group_of(family, entry);
  const std::string& labels = labels_of(family, entry);
  const std::uint64_t bytes = page_bytes(definition, page_lines(definition), labels.size());
  const bool segment_has_room = bytes <= page_bytes_ && binding_.page_bytes <= page_bytes_ - bytes;
  const std::uint32_t row = segment_has_room
                                ? tally_.bind_row(family.family, labels,
                                                  {group, binding_.zero_unix_s, binding_.owner_uid})
                                : kNoRow;
  if (row != kNoRow) {
    binding_.page_bytes += bytes;
    return row;
  }
  if (segment_has_room) binding_.left_out.page_bytes += bytes;
  count(Conflict::kPageLimit);
  return kNoRow;
}

void Binder::add_runs(const BoundFamily& bound, std::uint32_t first_cell,
                      std::uint32_t first_slot) {
  const Family& family = tally_.definition(bound.family);
  const std::uint32_t first = first_slots(family);
  binding_.add_run({first_cell, first, first_slot, run_kind(bound.type, family)});
  if (row_parts(family).has_sum) {
    binding_.add_run({first_cell + first, 1, first_slot + first, RunKind::kFloat});
  }
  if (family.name == kPassedFamily && row_kind(family) == RowKind::kCounter &&
      binding_.passed_cells.size() < kMostPassedCells) {
    binding_.passed_cells.push_back(first_cell);
  }
}

void Binder::on_chunk(const shm::ChunkEntry& entry) {
  if (entry.series >= binding_.series.size()) return;
  const std::uint32_t row = binding_.series[entry.series].row;
  if (row == kNoRow || tally_.row(row).native == kNoNative) return;
  if (!is_bucket_chunk(entry.chunk)) return count(Conflict::kDefinition);
  if (!tally_.has_chunk_room(row, entry.chunk, entry.negative)) {
    ++binding_.left_out.page_bytes;
    return count(Conflict::kPageLimit);
  }
  if (!take_cells(shm::kChunkBuckets)) return;
  binding_.chunks.push_back({entry.series, entry.chunk, entry.first_cell, entry.negative});
  binding_.add_run({entry.first_cell, shm::kChunkBuckets,
                    tally_.bind_chunk(row, entry.chunk, entry.negative), RunKind::kBucket});
}

}  // namespace notch::agent
