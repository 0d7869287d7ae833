// All segments of the directory, from a file's name to the snapshot: takes them, follows them,
// gathers their numbers, folds the dead into the ledger. The caller brings the names, the time and
// the loop.
// Called by: the agent's event loop, one thread: removed() and add() when the directory changed,
// gather() for a scrape, sweep() about once a second and whenever deaths are likely.
//
// Invariants
//   CO1  A segment's numbers are in the sums exactly once from its taking on: as a living segment's
//        until its fold is in the ledger, as the dead's after. While the ledger cannot be written,
//        the dead stay as they are, and are summed as if they lived.
//   CO2  A segment's file is removed only after its fold is in the ledger, and only if the name
//        still leads to that file. A file whose fold is in the ledger is never read again.
//   CO3  A file that breaks a rule is counted and let go; it never fails a gather. If a snapshot had
//        its numbers, they stay, once: the segment is folded as the dead are, with what its cells
//        say, and its file removed. Where the cells are gone (cut off), or say less than before,
//        what the sums fall by is folded instead; of the dead before their own folds.
//   CO4  What a taken segment defined before another file was found is bound before what that file
//        defines, whenever the two are read; segments found together are bound in the order of their
//        birth. So the older definition is in force; after a restart, the older process's.
//   CO5  A segment is shown under its service's name as owners_ says at every instant, and what it
//        counted with it: in the page, in the ledger, among the ends.
//
// With `per_process` every row has a pid label, and nothing is folded: a row that ended and the
// same row inside a total would count twice in every sum and rate over both. The file stays
// linger_s instead, so that the last numbers are scraped, then it is removed, and the numbers with
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/collect/collect_options.h"
#include "agent/collect/collect_stats.h"
#include "agent/collect/deaths.h"
#include "agent/collect/intake.h"
#include "agent/collect/ledger_upkeep.h"
#include "agent/collect/live_segment.h"
#include "agent/collect/living_segments.h"
#include "agent/collect/refusals.h"
#include "agent/collect/segment_reading.h"
#include "agent/family/snapshot.h"
#include "agent/ledger/ledger.h"
#include "agent/processes/attached_process.h"
#include "agent/segments/segment_quota.h"
#include "agent/services/service_owners.h"
#include "agent/tally/tally.h"

namespace notch::agent {

class Collect {
 public:
  explicit Collect(const CollectOptions& options);
  Collect(const Collect&) = delete;
  Collect& operator=(const Collect&) = delete;

  // Recovers the ledger, and removes the files of segments it has folded. `directory_fd` must stay
  // open, see uses_directory(). A failure names the rule; nothing else may be called then. `recovered` receives what the
  // ledger said of itself, without families and rows. What it holds was last seen now, where it does
  // not say when.
  LedgerResult open(int directory_fd, const Moment& now, Recovered& recovered);

  // The directory is another one from now on: names are of that one, and so is the ledger, from the
  // next sweep on. What has been taken is read and folded as before, and the files of the dead are
  // removed where they are. Nothing if it is the same one.
  void move_to(int directory_fd);

  // Whether the directory's lock is this agent's. While it is not, the dead wait to be folded.
  void hold_ledger(bool held) { ledger_.hold(held); }

  // While this is true, a former directory must stay open.
  bool uses_directory(int directory_fd) const;

  // New names. Those that are no segments are counted by reason, and remembered until they change.
  // Cost: about 20 system calls, one map and one pass over the catalogue per name, and one load per
  // segment that was taken before. After an exception (no memory) each name is either taken or as if not
  // told: forget_names(), and tell all again.
  void add(std::span<const std::string> names, const Moment& now);

  // Names are told anew from here on: what has been taken is known by its file.
  void forget_names();

  // Names that are gone. A living process's segment is read on until its lock is free.
  void removed(std::span<const std::string> names);

  // Follows what is new and adds everything up. It may write: resets go to the ledger, and a
  // segment whose file breaks a rule by now is folded and its file removed. Cost: proportional to the
  // cells; no name is looked at unless a catalogue grew.
  Snapshot gather(const Moment& now);

  // Finds the dead and folds them, takes what waited for their room, drops what is past its
  // retention, looks again at rejected files.
  // Cost: one flock per living segment, one write per batch of dead ones, one unlink each; and, if
  // one has died that a snapshot had the numbers of, the cells are added up once.
  void sweep(const Moment& now);

  // The agent shows these families itself: no segment's may take up their names.
  void reserve(const Snapshot& own) { tally_.reserve(own); }

  CollectStats stats() const;

  // Services that have another name, or are gone, since the last call: for whoever keeps figures by
  // service. All of one call are in force at once; before attached() is asked again.
  std::vector<ServiceRename> take_renames() { return std::exchange(renames_, {}); }

  // The living, oldest first. Valid until the next call of anything else.
  std::vector<AttachedProcess> attached() const;

 private:
  void take(std::unique_ptr<LiveSegment>& segment, const Moment& now);
  void end_truncated(const Moment& now);
  void make_contested_anew(const Moment& now);
  void take_left_out(const Moment& now);

  // The owners of services' names (collect_owners.cc).
  void claim_service(LiveSegment& segment);
  void take_owner_changes();
  void retire_owners(const Moment& now);

  const CollectOptions options_;
  CollectStats stats_;  // totals

  // Each knows those above it alone.
  Tally tally_;
  SegmentQuota quota_;
  ServiceOwners owners_;
  LivingSegments living_;
  Refusals refusals_;
  LedgerUpkeep ledger_;
  SegmentReading reading_;
  Deaths deaths_;
  Intake intake_;

  int directory_fd_ = -1;               // set by open() and move_to()
  std::vector<ServiceRename> renames_;  // for take_renames()
  std::vector<shm::ExemplarEntry> exemplars_;

  // Moved on by sweep().
  std::uint64_t next_retention_boot_s_ = 0;
  std::uint64_t next_look_boot_s_ = 0;
  std::uint64_t next_owners_s_ = 0;
  std::size_t left_out_turn_ = 0;  // which of the segments that want room goes first
  bool contested_wait_ = false;    // names are free for some that the budget holds up
};

}  // namespace notch::agent
