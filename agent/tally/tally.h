// One row per (family, label text) over all processes: what the living count now and what the dead
// left, reached from each segment by index. Values in, snapshot out; knows neither files nor time.
// Called by: collect, binder. One thread.
//
// Invariants
//   TA1  A definition is in force while a living process uses it, or rows under it remain. Of two
//        that differ in more than their words, FT2 of family_table.h says which is in force; the
//        other is left out, and tried again when the name may have become free (yield_contested()).
//   TA2  Rows stand in the order of their first appearance; families are sorted by name.
//   TA3  Counters, histograms and gauges of mode last outlive their processes. All other gauges (and
//        with `per_process` every row) leave with the last process that has a part in them.
//   TA4  A row that no living process has a part in leaves retention_s after the last one left, and
//        its total with it. Should its labels come back later, it starts again at zero, as a
//        restarted process would.
//   TA5  The dead's rows of each user, and of all, are limited (RowLimits): past that, a row of which
//        this was the last process is folded into its user's overflow row of the family
//        (overflow_labels.h), so that the family's total is kept and nobody adds to another's. A row
//        others still have a part in keeps its own fold, up to twice the limit. Where there is too
//        much in all, the rows of whoever has most are folded away.
//   TA6  A row's created time is when it was last known to be zero: never later than the first
//        amount of those it has when it is first shown. What the ledger gives back has none, as
//        others may have been told an earlier one.
//   TA7  A series of which a bucket says what no process can have counted (count_limits.h) takes no
//        more part: what it had added before stays, nothing of that reading reaches a sum or the
//        ledger. Sums over processes and the dead stop at the end of their range, and never wrap.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/family/conflict.h"
#include "agent/family/family.h"
#include "agent/family/snapshot.h"
#include "agent/ledger/ledger.h"
#include "agent/services/service_rename.h"
#include "agent/tally/binding.h"
#include "agent/tally/exemplar_store.h"
#include "agent/tally/family_table.h"
#include "agent/tally/row_quota.h"
#include "agent/tally/row_table.h"
#include "agent/tally/slot_store.h"

namespace notch::agent {

struct TallyOptions {
  bool per_process = false;  // every row has a pid label
  FamilyLimits families = {};
  RowLimits rows = {};
  Accounts* accounts = nullptr;  // must outlive the tally
};

// The caller's clocks. Waits, ages and retention go by boot_s alone: the other two can be set, or
// stand still while the host is suspended.
struct Moment {
  std::uint64_t unix_s = 0;        // CLOCK_REALTIME: to be shown, never compared
  std::uint64_t monotonic_ns = 0;  // CLOCK_MONOTONIC: by it writers stamp gauges of mode last
  std::uint64_t boot_s = 0;        // CLOCK_BOOTTIME, which the ledger keeps too
};

// The fields that only a new row has.
struct NewRow {
  std::uint32_t group = 0;        // RowRecord's
  std::uint32_t zero_unix_s = 0;  // when it was still zero; 0: unknown
  std::uint32_t owner_uid = kUnknownOwner;
};

// A dead segment's last numbers, on their way to the ledger.
struct FoldDraft {
  std::vector<std::uint32_t> rows;  // of the tally, one per change
  std::vector<RowChange> changes;   // RowChange::row: of the ledger, once number_fold() was called
  std::vector<std::uint32_t> overflowed;  // rows whose numbers went to another row (TA5)
};

// The families and rows that compaction of the ledger keeps; their ids become these indices.
struct DeadRows {
  std::vector<Family> families;
  std::vector<RecoveredRow> rows;
  std::vector<std::uint32_t> family_ids;
  std::vector<std::uint32_t> row_ids;
};

RowUsage charged_usage(const RowRecord& row) noexcept;

// A series' cells as what they add to its row. Of a gauge of mode last, its time at most
// `monotonic_ns`.
std::vector<std::uint64_t> read_slots(const Family& family, std::uint32_t first_cell,
                                      const CellSource& cells, std::uint64_t monotonic_ns);

// False for a histogram of which a bucket says what no process can have counted.
bool has_possible_buckets(const Family& family, std::span<const std::uint64_t> slots) noexcept;

class Tally {
 public:
  explicit Tally(const TallyOptions& options);
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // --- structure; the binder's part ---

  // A binding begins to use a definition; to be given back by detach().
  Admission admit(const Family& definition, Binding& binding) {
    return families_.admit(definition, binding.challenges);
  }

  // Finds or makes the row and counts one more living part in it. kNoRow if it would be a new one
  // and its owner has no room for its text. Cost: one hash.
  std::uint32_t bind_row(std::uint32_t family, std::string_view labels, const NewRow& made = {});

  // The first of the 32 slots of a native histogram's chunk, made if missing. REQUIRES: a bound row
  // of a native histogram.
  std::uint32_t bind_chunk(std::uint32_t row, std::int32_t chunk, bool negative);
  // False if the row's owner has no room for what the chunk would add to the page.
  bool has_chunk_room(std::uint32_t row, std::int32_t chunk, bool negative) const;

  // True if what the dead counted in this family is kept.
  bool outlives(std::uint32_t family) const;

  std::uint64_t page_bytes_left(std::uint32_t uid) const { return quota_.page_bytes_left(uid); }
  std::uint32_t families_left(std::uint32_t uid) const { return families_.room(uid); }

  const RowRecord& row(std::uint32_t row) const noexcept { return rows_[row]; }
  const Family& definition(std::uint32_t family) const { return *families_.definition(family); }

  // The tally moves the runs of an attached binding when it compacts. `binding` must stay where it
  // is until detach(), which takes its part out of every row.
  void attach(Binding& binding);
  void detach(Binding& binding, const Moment& now);

  // Takes the names from definitions that must yield (FT2), and drops those of them that no living
  // process uses, and their rows. True if names became free since the last call: contested bindings
  // whose name it is and those that use a displaced family are then to be made anew, in this order,
  // before drop_displaced(); the contested may wait.
  bool yield_contested();
  bool uses_displaced(const Binding& binding) const;
  // True if a definition for which a family of the contested binding was left out has gone.
  bool has_freed_name(const Binding& binding) const;
  void drop_displaced();

  // The agent shows these families itself: no segment's may hide them.
  void reserve(const Snapshot& own);

  // --- one gather: begin, add every living segment, finish ---

  void begin_gather() { slots_.begin_round(); }
  // Nothing is added of what was cut off meanwhile. Series with impossible counts are left out from
  // now on (TA7).
  void add(Binding& binding, const CellSource& cells, const Moment& now);
  // Exemplars read from a bound segment; those that fit no bucket of theirs are passed over.
  void take_exemplars(const Binding& binding, std::span<const shm::ExemplarEntry> entries);
  // Cost: one pass over the slots; the list of rows is made anew only if rows came or went.
  Snapshot finish_gather();
  // Ends a gather that nobody is shown, for take_back_steps().
  void end_gather_unseen();

  // --- the dead ---

  // Reads what a dead segment leaves. Rows it added nothing to are not among them.
  // Nor those with impossible counts (TA7).
  FoldDraft draft_fold(const Binding& binding, const CellSource& cells, const Moment& now);
  // Gives the changes their ids in the ledger, defining what it does not have.
  void number_fold(FoldDraft& draft, Ledger& ledger);
  // The user's row of the family for what has no row of its own; he has a part in it from now on.
  std::uint32_t overflow_row(std::uint32_t family, std::uint32_t uid);
  // Folds rows of the dead into overflow rows where there are more than there may be. The ledger
  // is stale then. Returns how many. Cost: one pass over the rows, if there are.
  std::uint64_t fold_away_excess(Ledger& ledger);
  bool has_excess() const { return quota_.excess().has_value(); }
  // Once the fold is in the ledger: adds it to the rows and detaches the binding.
  void apply_fold(const FoldDraft& draft, Binding& binding, const Moment& now);

  // The amounts by which sums fell in the last round, to be numbered, written to the ledger and then
  // applied, which makes them part of the sums for good. Until then the sums are held (SL2 of
  // slot_store.h), and the amounts are found again each round. Rows past TA5 are only held and are not
  // among them.
  FoldDraft take_back_steps();
  void apply_back_steps(const FoldDraft& draft);

  // At the start: what the ledger holds. Of two definitions of one name, the later is in force;
  // rows of equal labels (a service was renamed) are added up; rows of a user in more families than
  // he may have a part in are left out.
  void restore(const Recovered& recovered);
  DeadRows dead_rows(const Moment& now) const;
  void renumber(const DeadRows& kept);
  // True if rows the ledger still holds were dropped since the last renumber().
  bool ledger_is_stale() const noexcept { return ledger_is_stale_; }
  const RowUsage& usage() const noexcept { return quota_.total(); }

  // TA4. Returns how many rows left. A row last seen later than `now` (an older ledger's time was
  // unix time, or the host's time namespace differs) is as if seen now. Cost: one pass over the
  // rows.
  std::uint64_t retire(const Moment& now, std::uint64_t retention_s);

  // Rows of these services get their new names, with all that they are. No living process is bound
  // to a row of a new name yet. Created times are unknown from then on: the row of that name was
  // not known to be zero then. Cost: one pass over the rows.
  void rename_services(std::span<const ServiceRename> renames);

  // The labels `service` of all rows, as they stand in their text. Cost: one pass over the rows.
  NameSet service_labels() const;

  // Takes the memory of dropped rows back, when it is worth it. Not between begin_gather() and
  // finish_gather().
  void compact_if_worth();

  std::uint32_t rows() const noexcept { return rows_.present(); }
  std::size_t slots() const noexcept { return slots_.size(); }
  std::uint32_t ledger_rows() const noexcept { return ledger_rows_; }
  std::uint64_t overflowed_rows() const noexcept { return overflowed_rows_; }
  std::uint64_t not_finite() const noexcept { return slots_.not_finite(); }
  std::uint64_t impossible_series() const noexcept { return impossible_series_; }
  std::uint64_t held_back() const noexcept { return slots_.held_back(); }
  // Slots that summed to less in the last round than in the one before.
  std::size_t fallen_slots() const noexcept { return slots_.back_steps().size(); }

 private:
  struct NativeChunk {
    std::int32_t chunk;
    std::uint32_t first_slot;
  };
  struct NativeRow {
    std::vector<NativeChunk> positive;  // ascending by chunk
    std::vector<NativeChunk> negative;
  };
  struct Layout;

  void merge_rows(std::uint32_t row, std::uint32_t other);
  std::uint32_t add_row(std::uint32_t family, std::string_view labels, std::uint32_t owner_uid);
  void own_row(std::uint32_t row, std::uint32_t uid);
  void erase_row(std::uint32_t row);
  void erase_rows_of(const std::vector<bool>& families);
  void lose_last_living(std::uint32_t row, const Moment& now);
  bool outlives(const RowRecord& row) const { return outlives(row.family); }
  bool is_overflow_row(std::uint32_t row) const;
  void recharge(std::uint32_t row);
  RowUsage usage_of(const RowRecord& row) const;
  std::uint64_t page_lines_of(const RowRecord& row) const;
  using DeadByAge = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // last seen, row
  std::uint64_t fold_away_surplus(DeadByAge& dead, const RowQuota::Excess& excess, Ledger& ledger);
  void fold_away(std::uint32_t row, Ledger& ledger);
  void leave_out_impossible(Binding& binding, const Moment& now);
  void move_slots(const std::vector<std::uint32_t>& new_slots,
                  const std::vector<std::uint32_t>& new_rows);

  struct ChunkPlace {
    std::uint32_t first_slot;
    std::uint32_t row;
    std::int32_t chunk;
    bool negative;
  };
  std::uint32_t row_before(std::uint32_t slot) const;
  std::vector<ChunkPlace> chunk_places() const;  // by slot
  RowChange& back_step_of(std::uint32_t row, std::size_t& place);
  void find_back_steps();
  void hold_sums();

  bool keeps_own_fold(std::uint32_t row) const;
  // kNoRow: the change is lost.
  std::uint32_t fold_target(std::uint32_t row);
  std::uint32_t ledger_row(std::uint32_t row, Ledger& ledger);
  Family owned_definition(std::uint32_t family) const;
  std::vector<std::uint32_t> restore_families(const std::vector<Family>& definitions);
  void fold_change(std::uint32_t row, const RowChange& change);
  RowChange folded_total(const RowRecord& row) const;

  std::shared_ptr<const Layout> make_layout() const;
  NativeValue native_value(const RowRecord& row, const std::uint64_t* slots) const;

  const TallyOptions options_;
  FamilyTable families_;
  RowQuota quota_;
  RowTable rows_;
  SlotStore slots_;
  std::vector<NativeRow> natives_;
  ExemplarStore exemplars_;
  FoldDraft back_steps_;  // of the last round
  // Rows of the living whose dead went to the overflow row: what they fell by stands there.
  std::unordered_set<std::uint32_t> parts_elsewhere_;
  std::vector<Binding*> bindings_;  // in no order

  std::shared_ptr<const Layout> layout_;  // null: rows came or went since it was made
  std::uint32_t ledger_rows_ = 0;
  std::uint32_t shown_rows_ = 0;  // those below it were there at the last finish_gather()
  std::uint64_t overflowed_rows_ = 0;
  std::uint64_t impossible_series_ = 0;  // left out for it, so far
  bool ledger_is_stale_ = false;
};

}  // namespace notch::agent
