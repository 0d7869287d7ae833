#include "agent/tally/row_store.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "agent/family/row_slots.h"
#include "agent/services/service_label.h"
#include "agent/tally/overflow_labels.h"

namespace notch::agent {
namespace {

// Dropped rows are worth a compaction when they are more than this and a quarter of the present.
constexpr std::uint32_t kErasedRowsWorthCompacting = 1024;
constexpr std::uint64_t kChunkLedgerBytes = shm::kChunkBuckets * 12;

std::uint32_t allocate_row(SlotStore& slots, const Family& family) {
  const RowParts& parts = row_parts(family);
  const std::uint32_t first = first_slots(family);
  const std::uint32_t sum = parts.has_sum ? 1 : 0;
  if (!parts.only_grows) return slots.allocate(0, 0, first + sum);
  return parts.kind == SlotKind::kFloat ? slots.allocate(0, first, sum)
                                        : slots.allocate(first, 0, sum);
}

std::uint32_t narrowed(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

RowUsage charged_usage(const RowRecord& row) noexcept {
  return {row.page_bytes, row.counts_as_dead ? 1U : 0U, row.ledger_bytes,
          row.counts_as_overflow ? 1U : 0U};
}

RowStore::RowStore(const TallyOptions& options)
    : options_(options),
      families_(options.families, options.accounts),
      quota_(options.rows, options.accounts) {}

Family RowStore::owned_definition(std::uint32_t family) const {
  Family owned = definition(family);
  owned.owner_uid = families_.owner(family);
  return owned;
}

bool RowStore::outlives(std::uint32_t family) const {
  return !options_.per_process && row_parts(definition(family)).outlives;
}

NameSet RowStore::service_labels() const {
  NameSet labels;
  for (std::uint32_t row = 0; row < table_.size(); ++row) {
    if (!table_[row].erased()) labels.emplace(service_label(table_[row].labels()));
  }
  return labels;
}

// --- the row itself ---

std::uint32_t RowStore::add(std::uint32_t family, std::string_view labels,
                            std::uint32_t owner_uid) {
  const std::uint32_t row = table_.insert(family, labels, allocate_row(slots_, definition(family)));
  try {
    table_[row].owner_uid = owner_uid;
    if (row_parts(definition(family)).has_chunks) {
      natives_.emplace_back();
      table_[row].native = static_cast<std::uint32_t>(natives_.size() - 1);
    }
    families_.add_row(family, owner_uid);
  } catch (...) {
    table_.erase(row);  // it is in no family
    throw;
  }
  ++generation_;
  recharge(row);
  return row;
}

void RowStore::erase(std::uint32_t row) {
  RowRecord& record = table_[row];
  if (record.ledger_row != kNoLedgerId) {
    --ledger_rows_;
    ledger_is_stale_ = true;
  }
  if (record.native != kNoNative) natives_[record.native] = NativeRow();
  exemplars_.forget(row);
  quota_.change(record.owner_uid, charged_usage(record), {});
  families_.drop_row(record.family, record.owner_uid);
  table_.erase(row);
  ++generation_;
}

void RowStore::erase_and_release(std::uint32_t row) {
  const std::uint32_t family = table_[row].family;
  erase(row);
  families_.release(family);
}

void RowStore::own(std::uint32_t row, std::uint32_t uid) {
  families_.add_row(table_[row].family, uid);
  families_.drop_row(table_[row].family, table_[row].owner_uid);
  const RowUsage charged = charged_usage(table_[row]);
  quota_.change(table_[row].owner_uid, charged, {});
  quota_.change(uid, {}, charged);
  table_[row].owner_uid = uid;
}

std::uint64_t RowStore::page_lines_of(const RowRecord& row) const {
  const Family& family = definition_of(row);
  std::uint64_t lines = page_lines(family);
  if (row.native == kNoNative) return lines;
  for (const bool negative : {false, true}) {
    const std::vector<NativeChunk>& chunks = native(row).side(negative);
    if (chunks.empty()) continue;
    lines += native_lines(family.schema, chunks.front().chunk, chunks.back().chunk);
  }
  return lines;
}

RowUsage RowStore::usage_of(const RowRecord& row) const {
  const Family& family = definition_of(row);
  // There must be room for overflow rows; they have a limit of their own.
  const bool is_own = is_own_overflow(row.labels());
  const bool is_counted = !is_overflow_of_users(row.labels());
  const bool in_ledger = row.ledger_row != kNoLedgerId && is_counted;
  RowUsage usage = {page_bytes(family, page_lines_of(row), row.text_bytes),
                    is_counted && (in_ledger || row.living == 0) ? 1U : 0U,
                    in_ledger ? ledger_bytes(family, row.text_bytes) : 0, is_own ? 1U : 0U};
  if (in_ledger && row.native != kNoNative) {
    const NativeRow& chunks = native(row);
    usage.ledger_bytes += (chunks.positive.size() + chunks.negative.size()) * kChunkLedgerBytes;
  }
  return {narrowed(usage.page_bytes), usage.dead_rows, narrowed(usage.ledger_bytes),
          usage.overflow_rows};
}

// Keeps RS1.
void RowStore::recharge(std::uint32_t row) {
  RowRecord& record = table_[row];
  const RowUsage after = usage_of(record);
  const RowUsage before = charged_usage(record);
  if (after == before) return;
  quota_.change(record.owner_uid, before, after);
  record.page_bytes = static_cast<std::uint32_t>(after.page_bytes);
  record.ledger_bytes = static_cast<std::uint32_t>(after.ledger_bytes);
  record.counts_as_dead = after.dead_rows != 0;
  record.counts_as_overflow = after.overflow_rows != 0;
}

std::uint32_t RowStore::chunk_slots(std::uint32_t row, std::int32_t chunk, bool negative) {
  std::vector<NativeChunk>& chunks = natives_[table_[row].native].side(negative);
  auto at = std::ranges::lower_bound(chunks, chunk, {}, &NativeChunk::chunk);
  if (at == chunks.end() || at->chunk != chunk) {
    at = chunks.insert(at, {chunk, slots_.allocate(shm::kChunkBuckets, 0, 0)});
    recharge(row);
  }
  return at->first_slot;
}

// --- what the dead left in it ---

void RowStore::fold(std::uint32_t row, const RowChange& change) {
  const Family& family = definition_of(table_[row]);
  // Of a ledger that has other shapes, or what leaves with its processes.
  if (change.slots.size() != slot_count(family) || !row_parts(family).outlives) return;
  slots_.fold(table_[row].first_slot, family, change.slots);
  if (!row_parts(family).has_chunks) return;
  for (const bool negative : {false, true}) {
    for (const auto& [bucket, count] : negative ? change.negative : change.positive) {
      const BucketPlace place = place_of_bucket(bucket);
      slots_.fold_bucket(chunk_slots(row, place.chunk, negative) + place.within, count);
    }
  }
}

RowChange RowStore::folded_total(const RowRecord& row) const {
  RowChange total;
  for (std::uint32_t i = 0; i < slot_count(definition_of(row)); ++i) {
    total.slots.push_back(slots_.folded(row.first_slot + i));
  }
  if (row.native == kNoNative) return total;
  const auto folded = [this](std::uint32_t slot) { return slots_.folded(slot); };
  append_buckets(native(row).positive, folded, total.positive);
  append_buckets(native(row).negative, folded, total.negative);
  return total;
}

std::uint32_t RowStore::ledger_row(std::uint32_t row, Ledger& ledger) {
  if (table_[row].ledger_row == kNoLedgerId) {
    const std::uint32_t family = table_[row].family;
    if (families_.ledger_family(family) == kNoLedgerId) {
      families_.set_ledger_family(family, ledger.define_family(owned_definition(family)));
    }
    table_[row].ledger_row = ledger.define_row(families_.ledger_family(family),
                                               table_[row].labels(), table_[row].owner_uid);
    ++ledger_rows_;
    recharge(row);
  }
  return table_[row].ledger_row;
}

void RowStore::take_ledger_row(std::uint32_t row, std::uint32_t id) {
  ++ledger_rows_;
  table_[row].ledger_row = id;
}

void RowStore::renumber(std::span<const std::uint32_t> family_ids,
                        std::span<const std::uint32_t> row_ids) {
  for (std::uint32_t family = 0; family < families_.size(); ++family) {
    families_.set_ledger_family(family, kNoLedgerId);
  }
  for (std::uint32_t i = 0; i < family_ids.size(); ++i) {
    families_.set_ledger_family(family_ids[i], i);
  }
  for (std::uint32_t i = 0; i < row_ids.size(); ++i) table_[row_ids[i]].ledger_row = i;
  ledger_is_stale_ = false;
}

// --- all rows ---

void RowStore::rename_services(std::span<const ServiceRename> renames) {
  const LabelRenames labels(renames);
  if (labels.empty()) return;
  std::vector<RowTable::NewLabels> renamed;
  std::string text;
  for (std::uint32_t row = 0; row < table_.size(); ++row) {
    if (table_[row].erased() || !labels.apply(table_[row].labels(), text)) continue;
    renamed.push_back({row, text});
    table_[row].created_unix_s = 0;
  }
  const auto merged = table_.relabel(renamed);
  for (const RowTable::NewLabels& labels_of : renamed) recharge(labels_of.row);
  for (const auto& [row, other] : merged) merge(row, other);
  ++generation_;
}

// Only of a ledger from before services had owners can a row have a name that is given to another
// now, and nobody living is bound to that.
void RowStore::merge(std::uint32_t row, std::uint32_t other) {
  if (table_[other].living != 0) std::swap(row, other);
  fold(row, folded_total(table_[other]));
  if (table_[row].ledger_row == kNoLedgerId) {
    std::swap(table_[row].ledger_row, table_[other].ledger_row);
  }
  erase(other);
  recharge(row);
}

// Keeps RS2.
std::optional<RowStore::Moved> RowStore::compact_if_worth() {
  if (table_.erased() < kErasedRowsWorthCompacting || table_.erased() * 4 < table_.present()) {
    return std::nullopt;
  }
  Moved moved;
  // Memory first, and no layout is of what follows, should it end early.
  std::vector<bool> used(slots_.size());
  std::vector<NativeRow> natives;
  natives.reserve(natives_.size());
  ++generation_;
  moved.rows = table_.compact();
  shown_rows_ =
      static_cast<std::uint32_t>(std::count_if(moved.rows.begin(), moved.rows.begin() + shown_rows_,
                                               [](std::uint32_t row) { return row != kNoRow; }));
  pack_natives(std::move(natives));
  mark_slots_in_use(used);
  moved.slots = slots_.compact(used);
  move_slots(moved.slots);
  exemplars_.renumber(moved.rows);
  return moved;
}

void RowStore::pack_natives(std::vector<NativeRow> natives) {
  for (std::uint32_t row = 0; row < table_.size(); ++row) {
    RowRecord& record = table_[row];
    if (record.native == kNoNative) continue;
    natives.push_back(std::move(natives_[record.native]));
    record.native = static_cast<std::uint32_t>(natives.size() - 1);
  }
  natives_ = std::move(natives);
}

void RowStore::mark_slots_in_use(std::vector<bool>& used) const {
  const auto use = [&used](std::uint32_t first, std::uint32_t slots) {
    std::fill_n(used.begin() + first, slots, true);
  };
  for (std::uint32_t row = 0; row < table_.size(); ++row) {
    use(table_[row].first_slot, slot_count(definition_of(table_[row])));
  }
  for (const NativeRow& native : natives_) {
    for (const auto* chunks : {&native.positive, &native.negative}) {
      for (const NativeChunk& chunk : *chunks) use(chunk.first_slot, shm::kChunkBuckets);
    }
  }
}

void RowStore::move_slots(const std::vector<std::uint32_t>& new_slots) {
  for (std::uint32_t row = 0; row < table_.size(); ++row) {
    table_[row].first_slot = new_slots[table_[row].first_slot];
  }
  for (NativeRow& native : natives_) {
    for (auto* chunks : {&native.positive, &native.negative}) {
      for (NativeChunk& chunk : *chunks) chunk.first_slot = new_slots[chunk.first_slot];
    }
  }
}

}  // namespace notch::agent
