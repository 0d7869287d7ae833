// The rows, each with all that it has: its entry in the table, its slots and chunks, its exemplars, its place in a family, and
// what its owner is charged for it. Who makes, drops or moves a row here keeps these together.
// Called by: living_rows, dead_rows, overflow_rows, resets, row_layout, tally.
//
// Invariants
//   RS1  A row of the table is counted in its family (FamilyTable::rows) and charged to its owner (RowQuota), as recharge()
//        last found it.
//   RS2  A row's own slots and those of its chunks are allocated as long as the row is; compact() moves them, and tells where.
//   RS3  Of the fields of a row that others set, each has one writer: `living` living_rows, `last_seen_boot_s` and
//        `folds_elsewhere` the parts that know of deaths.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/family/family.h"
#include "agent/files/keyed_hash.h"
#include "agent/ledger/ledger.h"
#include "agent/services/service_rename.h"
#include "agent/tally/exemplar_store.h"
#include "agent/tally/family_table.h"
#include "agent/tally/native_chunks.h"
#include "agent/tally/row_quota.h"
#include "agent/tally/row_table.h"
#include "agent/tally/slot_store.h"
#include "agent/tally/tally_options.h"

namespace notch::agent {

RowUsage charged_usage(const RowRecord& row) noexcept;

class RowStore {
 public:
  explicit RowStore(const TallyOptions& options);

  // --- what there is ---

  const RowRecord& operator[](std::uint32_t row) const noexcept { return table_[row]; }
  std::uint32_t size() const noexcept { return table_.size(); }
  std::uint32_t present() const noexcept { return table_.present(); }
  std::uint32_t find(std::uint32_t family, std::string_view labels) const noexcept {
    return table_.find(family, labels);
  }
  std::shared_ptr<const TextArena> text() const noexcept { return table_.arena(); }
  // REQUIRES: a row of a native histogram.
  const NativeRow& native(const RowRecord& row) const noexcept { return natives_[row.native]; }

  const FamilyTable& families() const noexcept { return families_; }
  const Family& definition(std::uint32_t family) const { return *families_.definition(family); }
  const Family& definition_of(const RowRecord& row) const { return definition(row.family); }
  // With the user who has had a part in it longest as its owner.
  Family owned_definition(std::uint32_t family) const;

  const RowQuota& quota() const noexcept { return quota_; }
  // True if what the dead counted in this family is kept.
  bool outlives(std::uint32_t family) const;
  bool per_process() const noexcept { return options_.per_process; }

  // The labels `service` of all rows, as they stand in their text. Cost: one pass over the rows.
  NameSet service_labels() const;

  // Another number than before if rows came, went or got other labels.
  std::uint64_t generation() const noexcept { return generation_; }
  std::uint32_t ledger_rows() const noexcept { return ledger_rows_; }

  // --- the row itself ---

  // REQUIRES: find() gave kNoRow.
  std::uint32_t add(std::uint32_t family, std::string_view labels, std::uint32_t owner_uid);
  void erase(std::uint32_t row);
  // And its family, if nothing else is of it.
  void erase_and_release(std::uint32_t row);
  void own(std::uint32_t row, std::uint32_t uid);
  // After a change of what the row is charged for.
  void recharge(std::uint32_t row);
  // For the fields of RS3, and those that only a new row has.
  RowRecord& record(std::uint32_t row) noexcept { return table_[row]; }
  void see(std::uint32_t row, std::uint64_t boot_s) noexcept {
    table_[row].last_seen_boot_s = static_cast<std::uint32_t>(boot_s);
  }

  // The first slot of the chunk, made if missing. REQUIRES: a row of a native histogram.
  std::uint32_t chunk_slots(std::uint32_t row, std::int32_t chunk, bool negative);

  // A new page shows all rows that there are.
  void show_all() noexcept { shown_rows_ = table_.size(); }
  bool was_shown(std::uint32_t row) const noexcept { return row < shown_rows_; }

  // --- what the dead left in it ---

  // Adds a change to what the dead left. One of other slots than its family's adds nothing.
  void fold(std::uint32_t row, const RowChange& change);
  RowChange folded_total(const RowRecord& row) const;

  // The row's id in the ledger, defined there if it is not yet.
  std::uint32_t ledger_row(std::uint32_t row, Ledger& ledger);
  // The same for one that the ledger has.
  void take_ledger_row(std::uint32_t row, std::uint32_t id);
  // The ledger is as these tell from now on.
  void renumber(std::span<const std::uint32_t> family_ids, std::span<const std::uint32_t> row_ids);
  // True if rows the ledger still holds were dropped since the last renumber().
  bool ledger_is_stale() const noexcept { return ledger_is_stale_; }
  void make_ledger_stale() noexcept { ledger_is_stale_ = true; }

  // --- all rows ---

  // Rows of these services get their new names, with all that they are.
  void rename_services(std::span<const ServiceRename> renames);

  // What moved: old row to new (kNoRow: erased) and old slot to new.
  struct Moved {
    std::vector<std::uint32_t> rows;
    std::vector<std::uint32_t> slots;
  };
  // Takes the memory of dropped rows back, when it is worth it.
  std::optional<Moved> compact_if_worth();

  // --- the parts that others move on too ---

  FamilyTable& families() noexcept { return families_; }
  SlotStore& slots() noexcept { return slots_; }
  const SlotStore& slots() const noexcept { return slots_; }
  ExemplarStore& exemplars() noexcept { return exemplars_; }
  const ExemplarStore& exemplars() const noexcept { return exemplars_; }

 private:
  void merge(std::uint32_t row, std::uint32_t other);
  RowUsage usage_of(const RowRecord& row) const;
  std::uint64_t page_lines_of(const RowRecord& row) const;
  void mark_slots_in_use(std::vector<bool>& used) const;
  void pack_natives(std::vector<NativeRow> natives);
  void move_slots(const std::vector<std::uint32_t>& new_slots);

  const TallyOptions options_;
  FamilyTable families_;
  RowQuota quota_;
  RowTable table_;
  SlotStore slots_;
  std::vector<NativeRow> natives_;
  ExemplarStore exemplars_;

  std::uint64_t generation_ = 0;
  std::uint32_t shown_rows_ = 0;  // those below it were on a page
  std::uint32_t ledger_rows_ = 0;
  bool ledger_is_stale_ = false;
};

}  // namespace notch::agent
