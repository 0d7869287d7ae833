// The tally's structure: definitions, rows, who has a part in them. Its dead are in tally_fold.cc,
// its snapshots in tally_snapshot.cc.
#include "agent/tally/tally.h"

#include <algorithm>
#include <utility>

#include "agent/family/row_slots.h"

namespace notch::agent {
namespace {

// Dropped rows are worth a compaction when they are more than this and a quarter of the present.
constexpr std::uint32_t kErasedRowsWorthCompacting = 1024;

std::uint32_t allocate_row(SlotStore& slots, const Family& family) {
  switch (family.type) {
    case MetricType::kCounter:
      return family.number == Number::kFloat ? slots.allocate(0, 1, 0) : slots.allocate(1, 0, 0);
    case MetricType::kHistogram:
      return slots.allocate(static_cast<std::uint32_t>(family.bounds.size()) + 1, 0, 1);
    case MetricType::kNativeHistogram:
      return slots.allocate(1, 0, 1);
    default:
      return slots.allocate(0, 0, family.combine == Combine::kLast ? 2 : 1);
  }
}

}  // namespace

Tally::Tally(const TallyOptions& options)
    : options_(options),
      families_(options.families, options.accounts),
      quota_(options.rows, options.accounts) {}

std::uint32_t Tally::add_row(std::uint32_t family, std::string_view labels,
                             std::uint32_t owner_uid) {
  const std::uint32_t row = rows_.insert(family, labels, allocate_row(slots_, definition(family)));
  try {
    rows_[row].owner_uid = owner_uid;
    if (definition(family).type == MetricType::kNativeHistogram) {
      natives_.emplace_back();
      rows_[row].native = static_cast<std::uint32_t>(natives_.size() - 1);
    }
    families_.add_row(family, owner_uid);
  } catch (...) {
    rows_.erase(row);  // it is in no family
    throw;
  }
  layout_ = nullptr;
  recharge(row);
  return row;
}

void Tally::own_row(std::uint32_t row, std::uint32_t uid) {
  families_.add_row(rows_[row].family, uid);
  families_.drop_row(rows_[row].family, rows_[row].owner_uid);
  const RowUsage charged = charged_usage(rows_[row]);
  quota_.change(rows_[row].owner_uid, charged, {});
  quota_.change(uid, {}, charged);
  rows_[row].owner_uid = uid;
}

std::uint32_t Tally::bind_row(std::uint32_t family, std::string_view labels, const NewRow& made) {
  std::uint32_t row = rows_.find(family, labels);
  if (row == kNoRow) {
    const Family& made_of = definition(family);
    if (page_bytes(made_of, page_lines(made_of), labels.size()) >
        quota_.page_bytes_left(made.owner_uid)) {
      return kNoRow;
    }
    row = add_row(family, labels, made.owner_uid);
    // Not of a known row: it has been shown, and stays.
    rows_[row].group = made.group;
    rows_[row].created_unix_s = made.zero_unix_s;
  } else {
    // Not yet shown, it may have amounts older than the process it was made for.
    std::uint32_t& created_unix_s = rows_[row].created_unix_s;
    if (row >= shown_rows_) created_unix_s = std::min(created_unix_s, made.zero_unix_s);
    if (rows_[row].owner_uid == kUnknownOwner) own_row(row, made.owner_uid);
  }
  if (++rows_[row].living == 1) recharge(row);
  return row;
}

std::uint32_t Tally::bind_chunk(std::uint32_t row, std::int32_t chunk, bool negative) {
  NativeRow& native = natives_[rows_[row].native];
  std::vector<NativeChunk>& chunks = negative ? native.negative : native.positive;
  auto at = std::ranges::lower_bound(chunks, chunk, {}, &NativeChunk::chunk);
  if (at == chunks.end() || at->chunk != chunk) {
    at = chunks.insert(at, {chunk, slots_.allocate(shm::kChunkBuckets, 0, 0)});
    recharge(row);
  }
  return at->first_slot;
}

void Tally::attach(Binding& binding) {
  binding.place = bindings_.size();
  bindings_.push_back(&binding);
}

void Tally::detach(Binding& binding, const Moment& now) {
  for (const BoundSeries& series : binding.series) {
    if (series.row == kNoRow) continue;
    if (--rows_[series.row].living == 0) lose_last_living(series.row, now);
  }
  for (const BoundFamily& bound : binding.families) {
    if (bound.family == kNoFamily) continue;
    families_.leave(bound.family, binding.owner_uid);
    families_.release(bound.family);
  }
  for (const Challenge& challenge : binding.challenges) {
    families_.withdraw(challenge, binding.owner_uid);
  }
  binding.challenges.clear();
  binding.series.clear();
  binding.families.clear();
  binding.chunks.clear();
  binding.runs.clear();
  bindings_[binding.place] = bindings_.back();
  bindings_[binding.place]->place = binding.place;
  bindings_.pop_back();
}

bool Tally::outlives(std::uint32_t family) const {
  if (options_.per_process) return false;
  const Family& defined = definition(family);
  return !is_gauge(defined) || defined.combine == Combine::kLast;
}

void Tally::lose_last_living(std::uint32_t row, const Moment& now) {
  const bool nothing_folded = rows_[row].ledger_row == kNoLedgerId;
  if (!outlives(rows_[row]) || (nothing_folded && !quota_.takes_dead(rows_[row].owner_uid, 0))) {
    erase_row(row);
    return;
  }
  rows_[row].last_seen_boot_s = static_cast<std::uint32_t>(now.boot_s);
  recharge(row);
}

void Tally::erase_row(std::uint32_t row) {
  RowRecord& record = rows_[row];
  if (record.ledger_row != kNoLedgerId) {
    --ledger_rows_;
    ledger_is_stale_ = true;
  }
  if (record.native != kNoNative) natives_[record.native] = NativeRow();
  exemplars_.forget(row);
  parts_elsewhere_.erase(row);
  quota_.change(record.owner_uid, charged_usage(record), {});
  families_.drop_row(record.family, record.owner_uid);
  rows_.erase(row);
  layout_ = nullptr;
}

void Tally::erase_rows_of(const std::vector<bool>& families) {
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (!rows_[row].erased() && families[rows_[row].family]) erase_row(row);
  }
}

bool Tally::yield_contested() {
  drop_displaced();
  return families_.take_freed();
}

void Tally::drop_displaced() {
  std::vector<bool> gone(families_.size());
  bool any = false;
  for (const std::uint32_t family : families_.displace()) {
    gone[family] = families_.uses(family) == 0;
    any = any || gone[family];
  }
  if (any) erase_rows_of(gone);
  for (std::uint32_t family = 0; family < gone.size(); ++family) {
    if (gone[family]) families_.release(family);
  }
}

bool Tally::uses_displaced(const Binding& binding) const {
  return std::ranges::any_of(binding.families, [this](const BoundFamily& bound) {
    return bound.family != kNoFamily && families_.is_displaced(bound.family);
  });
}

bool Tally::has_freed_name(const Binding& binding) const {
  return std::ranges::any_of(binding.challenges, [&](const Challenge& challenge) {
    return families_.is_worth_another_try(challenge, binding.owner_uid);
  });
}

void Tally::reserve(const Snapshot& own) {
  for (const FamilySnapshot& family : own.families) families_.reserve(*family.family);
}

std::uint64_t Tally::retire(const Moment& now, std::uint64_t retention_s) {
  if (retention_s == 0) return 0;
  std::uint64_t retired = 0;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    RowRecord& record = rows_[row];
    if (record.erased() || record.living != 0) continue;
    const auto now_boot_s = static_cast<std::uint32_t>(now.boot_s);
    record.last_seen_boot_s = std::min(record.last_seen_boot_s, now_boot_s);
    if (record.last_seen_boot_s + retention_s > now.boot_s) continue;
    const std::uint32_t family = record.family;
    erase_row(row);
    families_.release(family);
    ++retired;
  }
  return retired;
}

void Tally::compact_if_worth() {
  if (rows_.erased() < kErasedRowsWorthCompacting || rows_.erased() * 4 < rows_.present()) return;
  std::vector<bool> kept(slots_.size());
  const auto keep = [&kept](std::uint32_t first, std::uint32_t slots) {
    std::fill_n(kept.begin() + first, slots, true);
  };
  const std::vector<std::uint32_t> new_rows = rows_.compact();
  shown_rows_ =
      static_cast<std::uint32_t>(std::count_if(new_rows.begin(), new_rows.begin() + shown_rows_,
                                               [](std::uint32_t row) { return row != kNoRow; }));
  std::vector<NativeRow> natives;
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    RowRecord& record = rows_[row];
    keep(record.first_slot, slot_count(definition(record.family)));
    if (record.native == kNoNative) continue;
    natives.push_back(std::move(natives_[record.native]));
    record.native = static_cast<std::uint32_t>(natives.size() - 1);
    for (const auto* chunks : {&natives.back().positive, &natives.back().negative}) {
      for (const NativeChunk& chunk : *chunks) keep(chunk.first_slot, shm::kChunkBuckets);
    }
  }
  natives_ = std::move(natives);
  move_slots(slots_.compact(kept), new_rows);
}

void Tally::move_slots(const std::vector<std::uint32_t>& new_slots,
                       const std::vector<std::uint32_t>& new_rows) {
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    rows_[row].first_slot = new_slots[rows_[row].first_slot];
  }
  for (NativeRow& native : natives_) {
    for (auto* chunks : {&native.positive, &native.negative}) {
      for (NativeChunk& chunk : *chunks) chunk.first_slot = new_slots[chunk.first_slot];
    }
  }
  // Slots keep their order and none of a run's is dropped (BG2), so a run stays a run.
  for (Binding* binding : bindings_) {
    for (Run& run : binding->runs) run.first_slot = new_slots[run.first_slot];
    for (BoundSeries& series : binding->series) {
      if (series.row != kNoRow) series.row = new_rows[series.row];
    }
  }
  exemplars_.renumber(new_rows);
  std::unordered_set<std::uint32_t> parts_elsewhere;
  for (const std::uint32_t row : parts_elsewhere_) parts_elsewhere.insert(new_rows[row]);
  parts_elsewhere_ = std::move(parts_elsewhere);
  layout_ = nullptr;
}

}  // namespace notch::agent
