#include "agent/collect/deaths.h"

#include <algorithm>
#include <utility>

#include "agent/tally/left_out_sum.h"
#include "shm/injection_point.h"

namespace notch::agent {
namespace {

constexpr std::size_t kBatchSegments = 256;
constexpr std::size_t kBatchSeries = 50'000;
constexpr std::uint64_t kFoldRetry_s = 1;
constexpr std::size_t kMostFailures = 4;  // per sweep
const SegmentIdentity kNoSegment;

// DE2.
template <class Work>
void whole_or_end_agent(const Work& work) noexcept {
  work();
}

// Injection points are of deaths alone: a test that stops the agent at one would meet the resets before.
bool is_death(const Ending& ending) noexcept {
  return ending.segment != nullptr && ending.reason == nullptr;
}

}  // namespace

Deaths::Deaths(const CollectOptions& options, Tally& tally, LedgerUpkeep& ledger,
               LivingSegments& living, SegmentReading& reading, Refusals& refusals,
               CollectStats& stats)
    : options_(options),
      pid_namespace_(own_pid_namespace()),
      tally_(tally),
      ledger_(ledger),
      living_(living),
      reading_(reading),
      refusals_(refusals),
      stats_(stats),
      end_services_(ServiceNames::kMostOfUser, ServiceNames::kMost, options.tally.accounts) {}

// --- found ---

void Deaths::find(const Moment& now) {
  std::vector<const LiveSegment*> found;
  for (const auto& segment : living_.all()) {
    segment->file.look_again();
    if (segment->dead || !segment->file.try_lock_dead()) continue;
    segment->dead = true;
    segment->died_boot_s = now.boot_s;
    found.push_back(segment.get());
  }
  if (found.empty()) return;
  // A program a process executed may have ended as well by now: its segment says that it was there.
  LastPrograms last_programs;
  for (const auto& segment : living_.all()) {
    last_programs.add(segment->file.owner_uid(), segment->reader.info());
  }
  for (const LiveSegment* segment : found) count_end(*segment, last_programs);
}

void Deaths::count_end(const LiveSegment& segment, const LastPrograms& last_programs) {
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

void Deaths::end(const Moment& now) {
  if (!options_.tally.per_process) return fold_dead(now);
  for (const auto& segment : living_.all()) {
    if (!segment->dead || now.boot_s < segment->died_boot_s + options_.linger_s) continue;
    remove_lingering(*segment, now);
  }
  living_.drop_left();
}

// --- folded, in batches ---

void Deaths::fold_dead(const Moment& now) {
  if (now.boot_s < pace_.next_boot_s) return;
  if (!fold_last_resets(now)) {
    pace_.next_boot_s = now.boot_s + kFoldRetry_s;
    return;
  }
  if (std::ranges::any_of(living_.all(), [](const auto& segment) { return segment->dead; })) {
    follow_grown(now);
  }
  const std::vector<LiveSegment*> dead = dead_in_turn();
  std::size_t failures = 0;
  std::size_t count = 0;
  for (std::size_t first = 0; first < dead.size(); first += count) {
    count = batch_size(std::span(dead).subspan(first));
    if (!fold_batch(std::span(dead).subspan(first, count), now)) ++failures;
    // So that what one sweep folds does not make the file larger than one that is due to be
    // compacted.
    if (ledger_.wants_compacting()) ledger_.compact_if_worth(now);
    // A full disk fails the first fold as it fails the last.
    if (failures == (pace_.one_by_one ? kMostFailures : 1)) break;
  }
  pace_.one_by_one = failures != 0;
  if (failures != 0) {
    pace_.next_boot_s = now.boot_s + kFoldRetry_s;
  } else {
    stats_.ledger_message.clear();
  }
  living_.drop_left();
}

std::vector<LiveSegment*> Deaths::dead_in_turn() {
  std::vector<LiveSegment*> dead;
  for (const auto& segment : living_.all()) {
    if (segment->dead) dead.push_back(segment.get());
  }
  if (pace_.one_by_one && !dead.empty()) {
    const std::size_t first = pace_.turn++ % dead.size();
    std::rotate(dead.begin(), dead.begin() + static_cast<std::ptrdiff_t>(first), dead.end());
  }
  return dead;
}

// How many of the first of them go in one append. REQUIRES: there is one.
std::size_t Deaths::batch_size(std::span<LiveSegment* const> dead) const {
  const std::size_t most = std::min(dead.size(), pace_.one_by_one ? 1 : kBatchSegments);
  std::size_t count = 0;
  std::size_t series = 0;
  do {
    series += dead[count]->binding->series.size();
    ++count;
  } while (count < most && series < kBatchSeries);
  return count;
}

// Folds the resets of the dead since the last snapshot, before the dead themselves: without that, a fold
// in the ledger would be less than was shown, and an agent killed before its next gather would leave
// only that.
bool Deaths::fold_last_resets(const Moment& now) {
  const bool any = std::ranges::any_of(
      living_.all(), [](const auto& segment) { return segment->dead && segment->gathered; });
  if (!any) return true;
  follow_all(now);
  tally_.begin_gather();
  for (const auto& segment : living_.all()) {
    // A segment that no snapshot has shown is in no sum that could fall.
    if (!segment->gathered) continue;
    tally_.add(*segment->binding, ReaderCells(segment->reader, segment->file), now);
  }
  tally_.end_gather_unseen();
  const bool done = fold_resets(now);
  NOTCH_INJECTION_POINT("collect.after_resets");
  return done;
}

bool Deaths::fold_resets(const Moment& now) {
  Ending resets;
  resets.draft = tally_.take_resets();
  if (resets.draft.rows.empty()) return true;
  tally_.number_fold(resets.draft, ledger_.file());
  return write_down(std::span(&resets, 1), now);
}

bool Deaths::fold_batch(std::span<LiveSegment* const> batch, const Moment& now) {
  std::vector<Ending> endings;
  for (LiveSegment* segment : batch) {
    Ending ending;
    ending.segment = segment;
    if (const char* reason = read_last(*segment, now, ending.draft)) {
      fold_or_reject(*segment, reason, now);
      continue;
    }
    tally_.number_fold(ending.draft, ledger_.file());
    endings.push_back(std::move(ending));
  }
  return endings.empty() || write_down(endings, now);
}

// --- read a last time ---

// Null, or the rule that the file breaks.
const char* Deaths::read_last(LiveSegment& segment, const Moment& now, FoldDraft& draft) {
  if (const char* reason = claims_fault(segment)) return reason;
  const shm::Fault fault = reading_.follow(segment, now);
  if (fault != shm::Fault::kNone) return shm::fault_name(fault);
  segment.read_drops();
  draft = tally_.draft_fold(*segment.binding, ReaderCells(segment.reader, segment.file), now);
  if (has_left_out_series(segment.binding->conflicts)) add_left_out(segment, draft);
  return segment.file.truncated() ? reject_name(Reject::kTruncated) : nullptr;
}

// By a reader of its own, from the catalogue's beginning: what was left out is remembered nowhere.
void Deaths::add_left_out(LiveSegment& segment, FoldDraft& draft) {
  shm::SegmentReader reader;
  if (reader.attach(segment.file.bytes(), options_.reader_limits) != shm::Fault::kNone) return;
  reader.begin_round();
  const ReaderCells cells(reader, segment.file);
  LeftOutSum sum(tally_, *segment.binding, cells);
  if (reader.follow(sum) == shm::Fault::kNone) std::move(sum).add_to(tally_, draft);
}

// --- written to the ledger, added to the totals, removed ---

bool Deaths::write_down(std::span<Ending> endings, const Moment& now) {
  std::vector<Fold> folds;
  folds.reserve(endings.size());
  for (Ending& ending : endings) {
    folds.push_back({ending.segment == nullptr ? kNoSegment : ending.segment->file.identity(),
                     std::move(ending.draft.changes)});
  }
  if (!ledger_.append(folds, now)) return false;
  if (is_death(endings.front())) NOTCH_INJECTION_POINT("collect.after_append");
  whole_or_end_agent([&] {
    for (std::size_t i = 0; i < endings.size(); ++i) {
      endings[i].draft.changes = std::move(folds[i].rows);
      settle(endings[i], now);
    }
  });
  return true;
}

void Deaths::settle(const Ending& ending, const Moment& now) {
  if (ending.segment == nullptr) {
    tally_.apply_resets(ending.draft);
    ledger_.file().removed(kNoSegment);
    return;
  }
  LiveSegment& segment = *ending.segment;
  tally_.apply_fold(ending.draft, *segment.binding, now);
  ++stats_.folds;
  if (ending.reason != nullptr) {
    refusals_.count(segment.file.identity().file_name, ending.reason, segment.reader);
  }
  if (is_death(ending)) NOTCH_INJECTION_POINT("collect.before_remove");
  remove_folded(segment);
  if (is_death(ending)) NOTCH_INJECTION_POINT("collect.after_remove");
  living_.leave(segment, now.boot_s);
}

void Deaths::remove_folded(const LiveSegment& segment) {
  const SegmentIdentity& identity = segment.file.identity();
  if (folded_files_.remove(segment.directory_fd, identity, segment.file.file())) {
    ledger_.file().removed(identity);
  }
}

void Deaths::remove_left_over() {
  for (const SegmentIdentity& gone : folded_files_.look_again()) ledger_.file().removed(gone);
}

bool Deaths::remove_if_folded(const MappedSegment& named) {
  const SegmentIdentity& identity = named.identity();
  if (!folded_files_.holds(identity)) return false;
  if (folded_files_.remove_found(directory_fd_, identity, named.file())) {
    ledger_.file().removed(identity);
  }
  return true;
}

void Deaths::remove_recovered(std::span<const SegmentIdentity> folded) {
  for (const SegmentIdentity& segment : folded) {
    const bool gone = segment == kNoSegment || folded_files_.remove(directory_fd_, segment, -1);
    if (gone) ledger_.file().removed(segment);
  }
}

// --- a file that breaks a rule ---

void Deaths::follow_all(const Moment& now) {
  mend_half_followed(now);
  for (const auto& segment : living_.all()) follow_or_end(*segment, now);
  living_.drop_left();
}

// The agent is woken by a segment's name, and often reads its catalogue before the first definition
// is in it. What is half followed waits for the sweep, which mends it.
void Deaths::follow_grown(const Moment& now) {
  for (const auto& segment : living_.all()) {
    if (!segment->half_followed && segment->reader.has_news()) follow_or_end(*segment, now);
  }
  living_.drop_left();
}

void Deaths::follow_or_end(LiveSegment& segment, const Moment& now) {
  if (const char* reason = claims_fault(segment)) {
    fold_or_reject(segment, reason, now);
  } else if (const shm::Fault fault = reading_.follow(segment, now); fault != shm::Fault::kNone) {
    fold_or_reject(segment, shm::fault_name(fault), now);
  }
}

void Deaths::mend_half_followed(const Moment& now) {
  for (const auto& segment : living_.all()) {
    if (segment->half_followed) read_anew(*segment, now);
  }
  living_.drop_left();
}

void Deaths::read_anew(LiveSegment& segment, const Moment& now) {
  const shm::Fault fault = reading_.read_anew(segment, now);
  if (fault != shm::Fault::kNone) reject(segment, shm::fault_name(fault), now);
}

// A segment that no snapshot has shown is left out whole. The others are folded, even if with nothing,
// so that none of their numbers is counted again if their file should become valid.
void Deaths::fold_or_reject(LiveSegment& segment, const char* reason, const Moment& now) {
  if (segment.gathered && !options_.tally.per_process) {
    Ending ending{&segment, {}, reason};
    read_last_good(segment, now, ending.draft);
    tally_.number_fold(ending.draft, ledger_.file());
    if (write_down(std::span(&ending, 1), now)) return;
  }
  reject(segment, reason, now);
}

// The cells it has bound are known without the catalogue. By a reader of its own: one that met a
// fault reads nothing any more. Cells that are gone are among what the sums fall by.
void Deaths::read_last_good(LiveSegment& segment, const Moment& now, FoldDraft& draft) {
  shm::SegmentReader reader;
  if (reader.attach(segment.file.bytes(), options_.reader_limits) != shm::Fault::kNone) return;
  reader.begin_round();
  if (segment.file.check_claims(reader) != Reject::kNone) return;
  FoldDraft read = tally_.draft_fold(*segment.binding, ReaderCells(reader, segment.file), now);
  if (!segment.file.truncated()) draft = std::move(read);
}

void Deaths::reject(LiveSegment& segment, const char* reason, const Moment& now) {
  tally_.detach(*segment.binding, now);
  const std::string& name = segment.file.identity().file_name;
  if (segment.nameless) {
    refusals_.tell(name, reason, segment.reader);
  } else {
    refusals_.reject(directory_fd_, name, reason, segment.reader, now.boot_s);
  }
  living_.leave(segment, now.boot_s);
}

// --- with `per_process`: nothing is folded ---

void Deaths::remove_lingering(LiveSegment& segment, const Moment& now) {
  tally_.detach(*segment.binding, now);
  remove_segment_file(segment.directory_fd, segment.file.identity());
  living_.leave(segment, now.boot_s);
}

bool Deaths::remove_oldest_lingering(const Moment& now) {
  if (!options_.tally.per_process) return false;
  LiveSegment* oldest = nullptr;
  for (const auto& segment : living_.all()) {
    if (segment == nullptr || !segment->dead) continue;
    if (oldest == nullptr || segment->died_boot_s < oldest->died_boot_s) oldest = segment.get();
  }
  if (oldest == nullptr) return false;
  remove_lingering(*oldest, now);
  return true;
}

void Deaths::rename(std::span<const ServiceRename> renames) {
  rename_keys(renames, stats_.ends);
  end_services_.rename(renames);
}

}  // namespace notch::agent
