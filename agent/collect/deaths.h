// What happens to a segment at its end: its process died, or its file broke a rule. deaths.cc tells it
// from top to bottom: found, read a last time, written to the ledger, added to the dead's totals, its
// file removed, and the segment left.
// Called by: collect, intake.
//
// Five words for what ends. A segment *leaves* the living segments; its binding is *detached* from the
// tally's rows; its file is *removed*; a name is *forgotten*; rows and services that nobody living has had
// a part in for long are *retired*.
//
// Invariants
//   DE1  Whatever the dead add goes through write_down(): to the ledger first, then to the totals, then
//        the file goes. What the ledger refuses stays in the sums as it was.
//   DE2  The sums have everything that the ledger has, whole and once. So after an append an exception
//        (no memory) leaves nothing half done: it ends the agent, and the next agent reads the fold from
//        the ledger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/collect/collect_options.h"
#include "agent/collect/collect_stats.h"
#include "agent/collect/ledger_upkeep.h"
#include "agent/collect/live_segment.h"
#include "agent/collect/living_segments.h"
#include "agent/collect/refusals.h"
#include "agent/collect/segment_reading.h"
#include "agent/processes/process_end.h"
#include "agent/segments/folded_files.h"
#include "agent/services/service_names.h"
#include "agent/tally/tally.h"

namespace notch::agent {

// One fold on its way to the ledger.
struct Ending {
  LiveSegment* segment = nullptr;  // null: of resets, which are no segment's
  FoldDraft draft;                 // numbered
  const char* reason = nullptr;    // the rule that the file broke; null: its process died
};

class Deaths {
 public:
  Deaths(const CollectOptions& options, Tally& tally, LedgerUpkeep& ledger, LivingSegments& living,
         SegmentReading& reading, Refusals& refusals, CollectStats& stats);

  // Removes the files of what the ledger had folded when it was opened.
  void remove_recovered(std::span<const SegmentIdentity> folded);
  void move_to(int directory_fd) { directory_fd_ = directory_fd; }
  // While this is true, a former directory must stay open.
  bool uses_directory(int directory_fd) const { return folded_files_.any_in(directory_fd); }

  // Finds the segments whose lock is free, and counts how their processes ended.
  void find(const Moment& now);
  // Folds the dead; with `per_process` removes those that have lingered, and folds nothing.
  void end(const Moment& now);
  // The same of the one that has lingered longest, for its room. False if there is none.
  bool remove_oldest_lingering(const Moment& now);

  // The resets of the last round, as the fold of a segment that never was: nobody can tell whose
  // numbers they are. False if the ledger cannot be written.
  bool fold_resets(const Moment& now);

  // Follows every catalogue. A segment whose file breaks a rule by now ends.
  void follow_all(const Moment& now);
  // The same of those whose catalogue has grown; not of those that wait for mend_half_followed(). Cost:
  // one load for each that has not.
  void follow_grown(const Moment& now);
  // Reads segments anew whose reading an exception (no memory) ended half way: their binding and their
  // reader differ.
  void mend_half_followed(const Moment& now);
  void read_anew(LiveSegment& segment, const Moment& now);
  // The file breaks a rule: what a snapshot showed of it is folded, what nobody has seen is not.
  void fold_or_reject(LiveSegment& segment, const char* reason, const Moment& now);
  // Nothing of it is folded; its file stays, and is looked at again once it has changed.
  void reject(LiveSegment& segment, const char* reason, const Moment& now);

  // Whether the file is folded already; then its name here is removed too.
  bool remove_if_folded(const MappedSegment& named);
  // Tries once more to remove the files of the folded.
  void remove_left_over();

  void rename(std::span<const ServiceRename> renames);
  std::size_t unremoved() const noexcept { return folded_files_.count(); }

 private:
  void count_end(const LiveSegment& segment, const LastPrograms& last_programs);
  void fold_dead(const Moment& now);
  std::vector<LiveSegment*> dead_in_turn();
  std::size_t batch_size(std::span<LiveSegment* const> dead) const;
  bool fold_last_resets(const Moment& now);
  bool fold_batch(std::span<LiveSegment* const> batch, const Moment& now);
  const char* read_last(LiveSegment& segment, const Moment& now, FoldDraft& draft);
  void add_left_out(LiveSegment& segment, FoldDraft& draft);
  void read_last_good(LiveSegment& segment, const Moment& now, FoldDraft& draft);
  bool write_down(std::span<Ending> endings, const Moment& now);
  void settle(const Ending& ending, const Moment& now);
  void follow_or_end(LiveSegment& segment, const Moment& now);
  void remove_folded(const LiveSegment& segment);
  void remove_lingering(LiveSegment& segment, const Moment& now);

  const CollectOptions& options_;
  const std::uint64_t pid_namespace_;
  Tally& tally_;
  LedgerUpkeep& ledger_;
  LivingSegments& living_;
  SegmentReading& reading_;
  Refusals& refusals_;
  CollectStats& stats_;

  int directory_fd_ = -1;  // that is watched
  FoldedFiles folded_files_;
  ServiceNames end_services_;  // of stats_.ends

  // After a failed append the dead are folded one by one, and each time another first: none that always
  // fails holds up the others.
  struct Pace {
    bool one_by_one = false;
    std::size_t turn = 0;
    std::uint64_t next_boot_s = 0;
  } pace_;
};

}  // namespace notch::agent
