// One row per (family, label text) over all processes: what the living count now and what the dead
// left, reached from each segment by index. Values in, snapshot out; knows neither files nor time.
// Called by: collect, binder. One thread.
//
// It is one entry to six parts, each of which can be read alone: row_store has the rows, living_rows adds what living segments
// say, dead_rows takes what dead ones left to the ledger and back, overflow_rows keeps the limits of the dead, resets finds what
// fell, and row_layout makes the snapshot.
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

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/family/family.h"
#include "agent/family/snapshot.h"
#include "agent/ledger/ledger.h"
#include "agent/services/service_rename.h"
#include "agent/tally/binding.h"
#include "agent/tally/dead_rows.h"
#include "agent/tally/family_table.h"
#include "agent/tally/fold_draft.h"
#include "agent/tally/living_rows.h"
#include "agent/tally/overflow_rows.h"
#include "agent/tally/resets.h"
#include "agent/tally/row_layout.h"
#include "agent/tally/row_store.h"
#include "agent/tally/tally_options.h"

namespace notch::agent {

class Tally {
 public:
  explicit Tally(const TallyOptions& options);
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // --- structure; the binder's part ---

  // A binding begins to use a definition; to be given back by detach().
  Admission admit(const Family& definition, Binding& binding) {
    return rows_.families().admit(definition, binding.challenges);
  }

  // Finds or makes the row and counts one more living part in it. kNoRow if it would be a new one
  // and its owner has no room for its text. Cost: one hash.
  std::uint32_t bind_row(std::uint32_t family, std::string_view labels, const NewRow& made = {}) {
    return living_.bind_row(family, labels, made);
  }

  // The first of the 32 slots of a native histogram's chunk, made if missing. REQUIRES: a bound row
  // of a native histogram.
  std::uint32_t bind_chunk(std::uint32_t row, std::int32_t chunk, bool negative) {
    return rows_.chunk_slots(row, chunk, negative);
  }
  // False if the row's owner has no room for what the chunk would add to the page.
  bool has_chunk_room(std::uint32_t row, std::int32_t chunk, bool negative) const {
    return living_.has_chunk_room(row, chunk, negative);
  }

  // True if what the dead counted in this family is kept.
  bool outlives(std::uint32_t family) const { return rows_.outlives(family); }

  std::uint64_t page_bytes_left(std::uint32_t uid) const {
    return rows_.quota().page_bytes_left(uid);
  }
  std::uint32_t families_left(std::uint32_t uid) const { return rows_.families().room(uid); }

  const RowRecord& row(std::uint32_t row) const noexcept { return rows_[row]; }
  const Family& definition(std::uint32_t family) const { return rows_.definition(family); }

  // The tally moves the runs of an attached binding when it compacts. `binding` must stay where it
  // is until detach(), which takes its part out of every row.
  void attach(Binding& binding) { living_.attach(binding); }
  void detach(Binding& binding, const Moment& now) { living_.detach(binding, now); }

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

  void begin_gather() { rows_.slots().begin_round(); }
  // Nothing is added of what was cut off meanwhile. Series with impossible counts are left out from
  // now on (TA7).
  void add(Binding& binding, const CellSource& cells, const Moment& now) {
    living_.add(binding, cells, now);
  }
  // Exemplars read from a bound segment; those that fit no bucket of theirs are passed over.
  void take_exemplars(const Binding& binding, std::span<const shm::ExemplarEntry> entries) {
    living_.take_exemplars(binding, entries);
  }
  // Cost: one pass over the slots; the list of rows is made anew only if rows came or went.
  Snapshot finish_gather();
  // Ends a gather that nobody is shown, for take_resets().
  void end_gather_unseen();

  // --- the dead ---

  // Reads what a dead segment leaves. Rows it added nothing to are not among them, nor those with
  // impossible counts (TA7).
  FoldDraft draft_fold(const Binding& binding, const CellSource& cells, const Moment& now) {
    return dead_.draft_fold(binding, cells, now);
  }
  // Gives the changes their ids in the ledger, defining what it does not have.
  void number_fold(FoldDraft& draft, Ledger& ledger) { dead_.number_fold(draft, ledger); }
  // The user's row of the family for what has no row of its own; he has a part in it from now on.
  std::uint32_t overflow_row(std::uint32_t family, std::uint32_t uid) {
    return overflow_.of_user(family, uid);
  }
  // Folds rows of the dead into overflow rows where there are more than there may be. The ledger
  // is stale then. Returns how many. Cost: one pass over the rows, if there are.
  std::uint64_t fold_away_excess(Ledger& ledger) { return overflow_.fold_away_excess(ledger); }
  bool has_excess() const { return overflow_.has_excess(); }
  // Once the fold is in the ledger: adds it to the rows and detaches the binding.
  void apply_fold(const FoldDraft& draft, Binding& binding, const Moment& now);

  // The resets of the last round, to be numbered, written to the ledger and then applied, which makes
  // their amounts part of the sums for good. Until then the sums show what they showed (SL2 of
  // slot_store.h), and the resets are found again each round. Those of rows past TA5 are not among them.
  FoldDraft take_resets() { return resets_.take(); }
  void apply_resets(const FoldDraft& draft) { resets_.add(draft); }

  // At the start: what the ledger holds. Of two definitions of one name, the later is in force;
  // rows of equal labels (a service was renamed) are added up; rows of a user in more families than
  // he may have a part in are left out.
  void restore(const Recovered& recovered) { dead_.restore(recovered); }
  KeptRows dead_rows(const Moment& now) const { return dead_.kept(now); }
  void renumber(const KeptRows& kept) { rows_.renumber(kept.family_ids, kept.row_ids); }
  // True if rows the ledger still holds were dropped since the last renumber().
  bool ledger_is_stale() const noexcept { return rows_.ledger_is_stale(); }
  const RowUsage& usage() const noexcept { return rows_.quota().total(); }

  // TA4. Returns how many rows left. A row last seen later than `now` (an older ledger's time was
  // unix time, or the host's time namespace differs) is as if seen now. Cost: one pass over the
  // rows.
  std::uint64_t retire(const Moment& now, std::uint64_t retention_s) {
    return dead_.retire(now, retention_s);
  }

  // Rows of these services get their new names, with all that they are. No living process is bound
  // to a row of a new name yet. Created times are unknown from then on: the row of that name was
  // not known to be zero then. Cost: one pass over the rows.
  void rename_services(std::span<const ServiceRename> renames) { rows_.rename_services(renames); }

  // The labels `service` of all rows, as they stand in their text. Cost: one pass over the rows.
  NameSet service_labels() const { return rows_.service_labels(); }

  // Takes the memory of dropped rows back, when it is worth it. Not between begin_gather() and
  // finish_gather().
  void compact_if_worth();

  std::uint32_t rows() const noexcept { return rows_.present(); }
  std::size_t slots() const noexcept { return rows_.slots().size(); }
  std::uint32_t ledger_rows() const noexcept { return rows_.ledger_rows(); }
  std::uint64_t overflowed_rows() const noexcept { return overflow_.taken(); }
  std::uint64_t not_finite() const noexcept { return rows_.slots().not_finite(); }
  std::uint64_t impossible_series() const noexcept {
    return living_.impossible_series() + dead_.impossible_series();
  }
  std::uint64_t reset_count() const noexcept { return rows_.slots().reset_count(); }
  // How many slots the last round found reset.
  std::size_t slots_reset() const noexcept { return rows_.slots().resets().size(); }

 private:
  void erase_rows_of(const std::vector<bool>& families);

  RowStore rows_;
  OverflowRows overflow_{rows_};
  LivingRows living_{rows_};
  DeadRows dead_{rows_, overflow_};
  Resets resets_{rows_, overflow_};
  std::shared_ptr<const RowLayout> layout_;  // of the last snapshot
};

}  // namespace notch::agent
