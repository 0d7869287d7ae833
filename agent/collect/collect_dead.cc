// The dead: finds them by their free locks, reads them a last time, folds them into the ledger in
// batches, and removes their files. Called by: collect.cc, at each sweep.
#include <algorithm>
#include <utility>

#include "agent/collect/collect.h"
#include "agent/processes/process_end.h"
#include "agent/tally/left_out_sum.h"
#include "shm/injection_point.h"

namespace notch::agent {
namespace {

constexpr std::size_t kBatchSegments = 256;
constexpr std::size_t kBatchSeries = 50'000;
constexpr std::uint64_t kFoldRetry_s = 1;
constexpr std::size_t kMostFailures = 4;  // per sweep
constexpr std::uint64_t kLook_s = 10;
constexpr std::size_t kMostUnopened = 4096;     // per look
constexpr std::uint64_t kRetentionChecks = 16;  // per retention time
constexpr std::uint64_t kLongestRetentionCheck_s = 600;
const SegmentIdentity kNoSegment;

// The sums must have everything that the ledger has, whole and once. So after an append an exception (no
// memory) leaves nothing half done: it ends the agent, and the next agent reads the fold from the ledger.
template <class Work>
void whole_or_end_agent(const Work& work) noexcept {
  work();
}

}  // namespace

void Collect::sweep(const Moment& now) {
  boot_s_ = now.boot_s;
  drop_let_go();
  if (!options_.tally.per_process) keep_ledger_in_place(now);
  mend_half_followed(now);
  find_dead(now);
  if (options_.tally.per_process) {
    end_lingering(now);
  } else {
    fold_dead(now);
  }
  if (std::exchange(room_came_, false)) add(waiting_.next(quota_), now);
  anew_.begin_sweep(now.boot_s);
  make_contested_anew(now);
  take_left_out(now);
  if (options_.retention_s != 0 && now.boot_s >= next_retention_boot_s_) {
    stats_.retired_rows += tally_.retire(now, options_.retention_s);
    next_retention_boot_s_ = now.boot_s + std::clamp(options_.retention_s / kRetentionChecks,
                                                     std::uint64_t{1}, kLongestRetentionCheck_s);
  }
  if (now.boot_s >= next_look_boot_s_) {
    next_look_boot_s_ = now.boot_s + kLook_s;
    for (const SegmentIdentity& gone : folded_files_.look_again()) {
      ledger_.removed(gone);
    }
    look_at_rejected(now);
    add(waiting_.next_unopened(kMostUnopened), now);
  }
  retire_owners(now);
  write_owners(now);
  if (!options_.tally.per_process) {
    fold_away_excess(now);
    compact_ledger(now);
  }
  tally_.compact_if_worth();
}

void Collect::find_dead(const Moment& now) {
  std::vector<const LiveSegment*> found;
  for (auto& segment : segments_) {
    segment->file.look_again();
    if (segment->dead || !segment->file.try_lock_dead()) continue;
    segment->dead = true;
    segment->died_boot_s = now.boot_s;
    found.push_back(segment.get());
  }
  if (found.empty()) return;
  // A program a process executed may have ended as well by now: its segment says that it was there.
  LastPrograms last_programs;
  for (const auto& segment : segments_) {
    last_programs.add(segment->file.owner_uid(), segment->reader.info());
  }
  for (const LiveSegment* segment : found) count_end(*segment, last_programs);
}

void Collect::count_end(const LiveSegment& segment, const LastPrograms& last_programs) {
  const std::uint32_t uid = segment.file.owner_uid();
  EndCounts& ends = stats_.ends[end_services_.shown(uid, segment.binding->service)];
  const shm::SegmentInfo& info = segment.reader.info();
  ProcessEnd end = process_end(segment.reader.state(), info, pid_namespace_);
  if (end == ProcessEnd::kKilled && last_programs.went_on(uid, info)) end = ProcessEnd::kExec;
  switch (end) {
    case ProcessEnd::kClosed:
      ++ends.closed;
      break;
    case ProcessEnd::kExec:
      ++ends.exec;
      break;
    case ProcessEnd::kKilled:
      ++ends.killed;
      break;
  }
}

void Collect::fold_dead(const Moment& now) {
  if (now.boot_s < next_fold_boot_s_) return;
  if (!fold_last_back_steps(now)) return;
  if (std::ranges::any_of(segments_, [](const auto& segment) { return segment->dead; })) {
    follow_grown(now);
  }
  std::vector<LiveSegment*> dead;
  for (auto& segment : segments_) {
    if (segment->dead) dead.push_back(segment.get());
  }
  // One by one, each sweep begins with another: none that always fails can hold up the others.
  if (one_by_one_ && !dead.empty()) {
    std::rotate(dead.begin(), dead.begin() + static_cast<std::ptrdiff_t>(turn_++ % dead.size()),
                dead.end());
  }
  bool all_done = true;
  std::size_t failures = 0;
  for (std::size_t first = 0; first < dead.size();) {
    std::size_t count = 0;
    std::size_t series = 0;
    const std::size_t most = one_by_one_ ? 1 : kBatchSegments;
    do {
      series += dead[first + count]->binding->series.size();
      ++count;
    } while (first + count < dead.size() && count < most && series < kBatchSeries);
    const bool done = fold_batch(std::span(dead).subspan(first, count), now);
    all_done = all_done && done;
    first += count;
    // So that what one sweep folds does not make the file larger than one that is due to be
    // compacted.
    if (ledger_.wants_compacting()) compact_ledger(now);
    // A full disk fails the first fold as it fails the last.
    if (!done && (!one_by_one_ || ++failures == kMostFailures)) break;
  }
  one_by_one_ = !all_done;
  if (!all_done) next_fold_boot_s_ = now.boot_s + kFoldRetry_s;
  if (all_done) stats_.ledger_message.clear();
  drop_let_go();
}

// A segment that no snapshot has shown is left out whole. The others are folded, even if with nothing,
// so that none of their numbers is counted again if their file should become valid.
void Collect::end_faulty(LiveSegment& segment, const char* reason, const Moment& now) {
  FoldDraft draft;
  if (segment.gathered) read_last_good(segment, now, draft);
  if (!segment.gathered || options_.tally.per_process ||
      !append_one(segment.file.identity(), draft, now)) {
    return eject(segment, reason, now);
  }
  whole_or_end_agent([&] {
    tally_.apply_fold(draft, *segment.binding, now);
    ++stats_.folds;
    rejected_.count(reason);
    tell_rejected(segment.file.identity().file_name, reason, segment.reader);
    remove_folded(segment);
    let_go(segment);
  });
}

// The cells it has bound are known without the catalogue. By a reader of its own: one that met a
// fault reads nothing any more. Cells that are gone are among what the sums fall by.
void Collect::read_last_good(LiveSegment& segment, const Moment& now, FoldDraft& draft) {
  shm::SegmentReader reader;
  if (reader.attach(segment.file.bytes(), options_.reader_limits) != shm::Fault::kNone) return;
  reader.begin_round();
  if (segment.file.check_claims(reader) != Reject::kNone) return;
  FoldDraft read = tally_.draft_fold(*segment.binding, ReaderCells(reader, segment.file), now);
  if (!segment.file.truncated()) draft = std::move(read);
}

bool Collect::append_one(const SegmentIdentity& segment, FoldDraft& draft, const Moment& now) {
  tally_.number_fold(draft, ledger_);
  Fold fold = {segment, std::move(draft.changes)};
  const LedgerResult result = ledger_.append(std::span(&fold, 1), now.boot_s);
  draft.changes = std::move(fold.rows);
  if (result.ok) return true;
  ++stats_.fold_failures;
  stats_.ledger_message = result.message;
  return false;
}

// As the fold of a segment that never was: nobody can tell whose numbers fell. False if the ledger
// cannot be written.
bool Collect::fold_back_steps(const Moment& now) {
  FoldDraft draft = tally_.take_back_steps();
  if (draft.rows.empty()) return true;
  if (!append_one(kNoSegment, draft, now)) return false;
  whole_or_end_agent([&] {
    tally_.apply_back_steps(draft);
    ledger_.removed(kNoSegment);
  });
  return true;
}

// Folds the resets of the dead since the last snapshot, before the dead themselves: without that, a fold
// in the ledger would be less than was shown, and an agent killed before its next gather would leave
// only that.
bool Collect::fold_last_back_steps(const Moment& now) {
  const bool any = std::ranges::any_of(
      segments_, [](const auto& segment) { return segment->dead && segment->gathered; });
  if (!any) return true;
  follow_all(now);
  tally_.begin_gather();
  for (auto& segment : segments_) {
    // A segment that no snapshot has shown is in no sum that could fall.
    if (!segment->gathered) continue;
    tally_.add(*segment->binding, ReaderCells(segment->reader, segment->file), now);
  }
  tally_.end_gather_unseen();
  const bool done = fold_back_steps(now);
  NOTCH_INJECTION_POINT("collect.after_back_steps");
  if (!done) next_fold_boot_s_ = now.boot_s + kFoldRetry_s;
  return done;
}

const char* Collect::read_last(LiveSegment& segment, const Moment& now, FoldDraft& draft) {
  if (const char* reason = read_claims(segment)) return reason;
  const shm::Fault fault = follow(segment, now);
  if (fault != shm::Fault::kNone) return shm::fault_name(fault);
  segment.read_drops();
  draft = tally_.draft_fold(*segment.binding, ReaderCells(segment.reader, segment.file), now);
  if (has_left_out_series(segment.binding->conflicts)) add_left_out(segment, draft);
  return segment.file.truncated() ? reject_name(Reject::kTruncated) : nullptr;
}

// By a reader of its own, from the catalogue's beginning: what was left out is remembered nowhere.
void Collect::add_left_out(LiveSegment& segment, FoldDraft& draft) {
  shm::SegmentReader reader;
  if (reader.attach(segment.file.bytes(), options_.reader_limits) != shm::Fault::kNone) return;
  reader.begin_round();
  const ReaderCells cells(reader, segment.file);
  LeftOutSum sum(tally_, *segment.binding, cells);
  if (reader.follow(sum) == shm::Fault::kNone) std::move(sum).add_to(tally_, draft);
}

bool Collect::fold_batch(std::span<LiveSegment* const> batch, const Moment& now) {
  std::vector<LiveSegment*> segments;
  std::vector<FoldDraft> drafts;
  std::vector<Fold> folds;
  for (LiveSegment* segment : batch) {
    FoldDraft draft;
    if (const char* reason = read_last(*segment, now, draft)) {
      end_faulty(*segment, reason, now);
      continue;
    }
    tally_.number_fold(draft, ledger_);
    folds.push_back({segment->file.identity(), std::move(draft.changes)});
    segments.push_back(segment);
    drafts.push_back(std::move(draft));
  }
  if (folds.empty()) return true;
  const LedgerResult result = ledger_.append(folds, now.boot_s);
  if (!result.ok) {
    ++stats_.fold_failures;
    stats_.ledger_message = result.message;
    return false;
  }
  NOTCH_INJECTION_POINT("collect.after_append");
  whole_or_end_agent([&] {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      drafts[i].changes = std::move(folds[i].rows);
      tally_.apply_fold(drafts[i], *segments[i]->binding, now);
      NOTCH_INJECTION_POINT("collect.before_remove");
      remove_folded(*segments[i]);
      NOTCH_INJECTION_POINT("collect.after_remove");
      let_go(*segments[i]);
      ++stats_.folds;
    }
  });
  return true;
}

void Collect::remove_folded(const LiveSegment& segment) {
  const SegmentIdentity& identity = segment.file.identity();
  if (folded_files_.remove(segment.directory_fd, identity, segment.file.file())) {
    ledger_.removed(identity);
  }
}

void Collect::end_lingering(const Moment& now) {
  for (auto& segment : segments_) {
    if (!segment->dead || now.boot_s < segment->died_boot_s + options_.linger_s) continue;
    tally_.detach(*segment->binding, now);
    remove_segment_file(segment->directory_fd, segment->file.identity());
    let_go(*segment);
  }
  drop_let_go();
}

bool Collect::end_oldest_lingering(const Moment& now) {
  if (!options_.tally.per_process) return false;
  LiveSegment* oldest = nullptr;
  for (const auto& segment : segments_) {
    if (segment == nullptr || !segment->dead) continue;
    if (oldest == nullptr || segment->died_boot_s < oldest->died_boot_s) oldest = segment.get();
  }
  if (oldest == nullptr) return false;
  tally_.detach(*oldest->binding, now);
  remove_segment_file(oldest->directory_fd, oldest->file.identity());
  let_go(*oldest);
  return true;
}

void Collect::fold_away_excess(const Moment& now) {
  if (now.boot_s < next_excess_boot_s_ || !tally_.has_excess()) return;
  // Rows of living processes cannot be folded away.
  if (tally_.fold_away_excess(ledger_) == 0) next_excess_boot_s_ = now.boot_s + kLook_s;
}

void Collect::compact_ledger(const Moment& now) {
  if (!ledger_.wants_compacting() && !tally_.ledger_is_stale()) return;
  if (now.boot_s >= next_compaction_boot_s_) write_ledger_anew(now);
}

// Folds that are appended to a file without a name would be gone with the agent.
void Collect::keep_ledger_in_place(const Moment& now) {
  if (ledger_.is_in_place() || now.boot_s < next_compaction_boot_s_) return;
  if (write_ledger_anew(now)) ++stats_.ledger_replacements;
}

bool Collect::write_ledger_anew(const Moment& now) {
  const DeadRows kept = tally_.dead_rows(now);
  const LedgerResult result = ledger_.compact(kept.families, kept.rows, owners_.records());
  if (result.ok) {
    owners_to_write_ = false;
    tally_.renumber(kept);
  } else {
    stats_.ledger_message = result.message;
    next_compaction_boot_s_ = now.boot_s + kLook_s;
  }
  return result.ok;
}

}  // namespace notch::agent
