// All segments of the directory, from a file's name to the snapshot: takes them, follows them,
// gathers their numbers, folds the dead into the ledger. The caller brings the names, the time and
// the loop.
// Called by: the agent's event loop, one thread: removed() and add() when the directory changed,
// gather() for a scrape, sweep() about once a second and whenever deaths are likely.
//
// Invariants
//   C1  A segment's numbers are in the sums exactly once from its taking on: as a living segment's
//       until its fold is in the ledger, as the dead's after. While the ledger cannot be written,
//       the dead stay as they are, and are summed as if they lived.
//   C2  A segment's file is removed only after its fold is in the ledger, and only if the name
//       still leads to that file. A file whose fold is in the ledger is never read again.
//   C3  A file that breaks a rule is counted and let go; it never fails a gather. If a snapshot had
//       its numbers, they stay, once: the segment is folded as the dead are, with what its cells
//       say, and its file removed. Where the cells are gone (cut off), or say less than before,
//       what the sums fall by is folded instead; of the dead before their own folds.
//   C4  What a taken segment defined before another file was found is bound before what that file
//       defines, whenever the two are read; segments found together are bound in the order of their
//       birth. So the older definition is in force; after a restart, the older process's.
//   C5  A segment is shown under its service's name as owners_ says at every instant, and what it
//       counted with it: in the page, in the ledger, among the ends.
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
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/collect/anew_budget.h"
#include "agent/collect/collect_stats.h"
#include "agent/collect/live_segment.h"
#include "agent/family/snapshot.h"
#include "agent/files/keyed_hash.h"
#include "agent/ledger/ledger.h"
#include "agent/processes/attached_process.h"
#include "agent/processes/process_end.h"
#include "agent/segments/folded_files.h"
#include "agent/segments/mapped_segment.h"
#include "agent/segments/rejected_files.h"
#include "agent/segments/segment_quota.h"
#include "agent/segments/waiting_files.h"
#include "agent/services/service_names.h"
#include "agent/services/service_owners.h"
#include "agent/tally/binder.h"
#include "agent/tally/tally.h"

namespace notch::agent {

struct CollectOptions {
  // The accounts that every limit here goes by; must outlive the Collect.
  void count_by(Accounts& accounts) { tally.accounts = owners.accounts = &accounts; }

  TallyOptions tally;
  SegmentLimits limits;
  ServiceOwnerOptions owners;
  std::uint64_t page_bytes_per_segment = std::uint64_t{1} << 27;
  MapLimits map_limits;
  shm::ReaderLimits reader_limits;
  std::uint64_t retention_s = 7 * 24 * 3600;  // of rows nobody living has a part in; 0: for ever
  std::uint64_t linger_s = 300;               // of dead segments' files, with tally.per_process
  std::string ledger_name = "agent.ledger";
};

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
  void hold_ledger(bool held);

  // While this is true, a former directory must stay open.
  bool uses_directory(int directory_fd) const;

  // New names. Those that are no segments are counted by reason, and remembered until they change.
  // Cost: about 20 system calls, one map and one pass over the catalogue per name, and one load per
  // segment that was taken before. After an exception
  // (no memory) each name is either taken or as if not told: forget_names(), and tell all again.
  void add(std::span<const std::string> names, const Moment& now);

  // Names are told anew from here on: what has been taken is known by its file.
  void forget_names();

  // Names that are gone. A living process's segment is read on until its lock is free.
  void removed(std::span<const std::string> names);

  // Follows what is new and adds everything up. Cost: proportional to the cells; no name is looked
  // at unless a catalogue grew.
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
  using Segments = std::vector<std::unique_ptr<LiveSegment>>;

  // Taking.
  std::unique_ptr<LiveSegment> open_segment(const std::string& name, const Moment& now);
  void charge_opened(LiveSegment& segment);
  void forget_opened(const LiveSegment* segment) noexcept;
  const char* room_refusal(const LiveSegment& segment, const Moment& now);
  void keep_waiting(const std::string& name, const LiveSegment& segment, const char* reason,
                    bool not_opened);
  void tell_rejected(const std::string& name, const char* reason, const shm::SegmentReader& reader);
  void look_at_rejected(const Moment& now);
  bool found_again(const MappedSegment& named);
  void take(std::unique_ptr<LiveSegment>& segment, const Moment& now);
  const char* read_claims(LiveSegment& segment);
  std::unique_ptr<Binding> new_binding(const LiveSegment& segment) const;
  shm::Fault follow(LiveSegment& segment, const Moment& now);
  void update_usage(LiveSegment& segment);
  void follow_or_end(LiveSegment& segment, const Moment& now);
  void follow_all(const Moment& now);
  void follow_grown(const Moment& now);
  void mend_half_followed(const Moment& now);
  void eject_truncated(const Moment& now);
  bool fold_back_steps(const Moment& now);
  bool fold_last_back_steps(const Moment& now);
  void eject(LiveSegment& segment, const char* reason, const Moment& now);
  void let_go(LiveSegment& segment);
  void drop_let_go();
  void make_contested_anew(const Moment& now);
  void make_anew(LiveSegment& segment, const Moment& now);
  bool may_make_anew(const LiveSegment& segment) const;
  Room room_of(std::uint32_t uid) const;
  void take_left_out(const Moment& now);

  // The owners of services' names (collect_owners.cc).
  void claim_service(LiveSegment& segment);
  void take_owner_changes();
  void write_owners(const Moment& now);
  void retire_owners(const Moment& now);

  // The dead (collect_dead.cc).
  void find_dead(const Moment& now);
  void fold_dead(const Moment& now);
  bool fold_batch(std::span<LiveSegment* const> batch, const Moment& now);
  void end_faulty(LiveSegment& segment, const char* reason, const Moment& now);
  bool append_one(const SegmentIdentity& segment, FoldDraft& draft, const Moment& now);
  void read_last_good(LiveSegment& segment, const Moment& now, FoldDraft& draft);
  void add_left_out(LiveSegment& segment, FoldDraft& draft);
  void fold_away_excess(const Moment& now);
  const char* read_last(LiveSegment& segment, const Moment& now, FoldDraft& draft);
  void end_lingering(const Moment& now);
  bool end_oldest_lingering(const Moment& now);
  void remove_folded(const LiveSegment& segment);
  void count_end(const LiveSegment& segment, const LastPrograms& last_programs);
  void compact_ledger(const Moment& now);
  void keep_ledger_in_place(const Moment& now);
  bool write_ledger_anew(const Moment& now);

  // Set by open(), constant after.
  const CollectOptions options_;
  const std::uint64_t pid_namespace_;

  // Set by open() and move_to().
  int directory_fd_ = -1;

  Tally tally_;
  Ledger ledger_;
  SegmentQuota quota_;
  RejectedFiles rejected_;
  WaitingFiles waiting_;
  Segments segments_;  // null: let go in this call
  bool any_let_go_ = false;
  NameMap<LiveSegment*> by_name_;
  std::unordered_map<SegmentIdentity, LiveSegment*, SegmentIdentityHash> by_identity_;
  FoldedFiles folded_files_;
  ServiceOwners owners_;
  bool owners_to_write_ = false;        // the ledger was told of them, and has not written it
  std::vector<ServiceRename> renames_;  // for take_renames()
  ServiceNames end_services_;           // of stats_.ends
  std::vector<shm::ExemplarEntry> exemplars_;

  // Moved on by sweep().
  std::uint64_t next_retention_boot_s_ = 0;
  std::uint64_t next_look_boot_s_ = 0;
  std::uint64_t next_fold_boot_s_ = 0;
  std::uint64_t next_compaction_boot_s_ = 0;
  bool one_by_one_ = false;  // the last append failed: one bad fold must not hold up the others
  std::size_t turn_ = 0;     // which of the dead goes first then
  bool room_came_ = false;
  std::uint64_t next_owners_s_ = 0;
  AnewBudget anew_;
  bool contested_wait_ = false;  // names are free for some that the budget holds up

  std::uint64_t boot_s_ = 0;  // CLOCK_BOOTTIME, when add(), sweep() or gather() was called last
  std::uint64_t next_excess_boot_s_ = 0;
  std::size_t left_out_turn_ = 0;  // which of the segments that want room goes first

  CollectStats stats_;  // totals
};

}  // namespace notch::agent
