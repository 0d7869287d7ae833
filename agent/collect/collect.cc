// Taking, following and gathering. collect_dead.cc has the dead.
#include "agent/collect/collect.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/files/directory_entry.h"
#include "agent/processes/process_end.h"

namespace notch::agent {
namespace {

constexpr std::uint32_t kSeriesWorthForgetting = 128;

std::uint64_t amount_of(const Room& room) {
  return room.families + room.series + room.cells + room.page_bytes;
}

Room least(const Room& a, const Room& b) {
  return {std::min(a.families, b.families), std::min(a.series, b.series),
          std::min(a.cells, b.cells), std::min(a.page_bytes, b.page_bytes)};
}

}  // namespace

Collect::Collect(const CollectOptions& options)
    : options_(options),
      pid_namespace_(own_pid_namespace()),
      tally_(options.tally),
      quota_(options.limits, options.tally.accounts),
      owners_(options.owners),
      end_services_(ServiceNames::kMostOfUser, ServiceNames::kMost, options.tally.accounts) {}

LedgerResult Collect::open(int directory_fd, const Moment& now, Recovered& recovered) {
  directory_fd_ = directory_fd;
  recovered = {};
  if (options_.tally.per_process) return {};
  const LedgerResult result = ledger_.open(directory_fd, options_.ledger_name, recovered);
  if (!result.ok) return result;
  stats_.broken_frames = recovered.broken_frames;
  tally_.restore(recovered);
  owners_.restore(recovered.services, now.boot_s);
  take_owner_changes();
  recovered.families = {};
  recovered.rows = {};
  for (const SegmentIdentity& segment : recovered.folded) {
    const bool gone =
        segment == SegmentIdentity{} || folded_files_.remove(directory_fd_, segment, -1);
    if (gone) ledger_.removed(segment);
  }
  return result;
}

void Collect::forget_names() {
  drop_let_go();
  for (auto& segment : segments_) segment->nameless = true;
  by_name_.clear();
  rejected_.forget_all();
  waiting_.forget_all();
}

void Collect::move_to(int directory_fd) {
  if (directory_fd == directory_fd_) return;
  forget_names();
  for (auto& segment : segments_) {
    // A directory that was removed has no file any more; one that was moved still has it.
    if (!has_a_name(segment->file.file())) segment->directory_fd = -1;
  }
  directory_fd_ = directory_fd;
  ledger_.move_to(directory_fd);
  next_compaction_boot_s_ = 0;
}

void Collect::hold_ledger(bool held) {
  if (held) {
    ledger_.resume();
  } else {
    ledger_.suspend();
  }
}

bool Collect::uses_directory(int directory_fd) const {
  return directory_fd == directory_fd_ || folded_files_.any_in(directory_fd) ||
         std::ranges::any_of(segments_, [&](const auto& segment) {
           return segment != nullptr && segment->directory_fd == directory_fd;
         });
}

void Collect::add(std::span<const std::string> names, const Moment& now) {
  boot_s_ = now.boot_s;
  drop_let_go();
  if (!names.empty()) follow_grown(now);
  Segments opened;
  opened.reserve(names.size());
  if (segments_.capacity() - segments_.size() < names.size()) {
    segments_.reserve(2 * segments_.size() + names.size());
  }
  try {
    for (const std::string& name : names) {
      if (by_name_.contains(name)) continue;
      rejected_.forget(name);
      auto segment = open_segment(name, now);
      if (segment == nullptr) continue;
      opened.push_back(std::move(segment));
      charge_opened(*opened.back());
    }
    std::ranges::sort(opened, {}, [](const auto& segment) {
      return std::tuple(segment->file.identity().birth_ns, segment->reader.info().created_unix_ns);
    });
    for (auto& segment : opened) claim_service(*segment);
    take_owner_changes();
    for (auto& segment : opened) take(segment, now);
  } catch (...) {
    for (auto& segment : opened) forget_opened(segment.get());
    throw;
  }
  drop_let_go();
}

void Collect::charge_opened(LiveSegment& segment) {
  by_identity_[segment.file.identity()] = &segment;
  const SegmentUsage usage = {1, segment.reader.claimed_bytes(), 0, 0, segment.file.bytes().size()};
  quota_.change(segment.file.owner_uid(), {}, usage);
  segment.usage = usage;
}

// Undoes what was done for a segment that an exception kept from being taken; null: it was taken.
void Collect::forget_opened(const LiveSegment* segment) noexcept {
  if (segment == nullptr) return;
  if (segment->usage.segments != 0) {
    quota_.change(segment->file.owner_uid(), segment->usage, {});
  }
  if (segment->service != nullptr) {
    owners_.leave(*segment->service, segment->reader.info().lineage_key, boot_s_);
  }
  by_identity_.erase(segment->file.identity());
  by_name_.erase(segment->file.identity().file_name);
}

std::unique_ptr<LiveSegment> Collect::open_segment(const std::string& name, const Moment& now) {
  auto segment = std::make_unique<LiveSegment>();
  segment->directory_fd = directory_fd_;
  const Reject reject = segment->file.open(directory_fd_, name, options_.map_limits);
  if (reject == Reject::kAbsent || reject == Reject::kGone ||
      (reject == Reject::kNone && found_again(segment->file))) {
    waiting_.forget(name);
    return nullptr;
  }
  const char* reason = nullptr;
  bool later = reject == Reject::kUnreadable || reject == Reject::kNotMapped;
  if (reject != Reject::kNone) {
    reason = reject_name(reject);
  } else if (const shm::Fault fault =
                 segment->reader.attach(segment->file.bytes(), options_.reader_limits);
             fault != shm::Fault::kNone) {
    reason = shm::fault_name(fault);
    later = fault == shm::Fault::kBeingBuilt;
  } else {
    reason = read_claims(*segment);
  }
  const char* refusal = reason == nullptr ? room_refusal(*segment, now) : nullptr;
  if (later || refusal != nullptr) {
    keep_waiting(name, *segment, later ? reason : refusal, later);
    return nullptr;
  }
  waiting_.forget(name);
  if (reason != nullptr) {
    rejected_.add(directory_fd_, name, reason, now.boot_s);
    tell_rejected(name, reason, segment->reader);
    return nullptr;
  }
  return segment;
}

namespace {

// Names are their owners' choice: nothing of them may end a line of a log.
std::string printable(const std::string& name) {
  std::string text;
  for (const char c : name) text += c > ' ' && c < '\x7f' ? c : '?';
  return text;
}

}  // namespace

void Collect::tell_rejected(const std::string& name, const char* reason,
                            const shm::SegmentReader& reader) {
  std::string& message = stats_.rejected_message;
  message = printable(name) + " is left out: " + reason;
  if (!reader.fault_detail().empty()) message += " (" + reader.fault_detail() + ")";
}

void Collect::look_at_rejected(const Moment& now) {
  const RejectedFiles::Looked looked = rejected_.look_again(directory_fd_, now.boot_s);
  for (const auto& [name, reason] : looked.removed) ++stats_.removed[reason];
  if (!looked.removed.empty()) {
    const auto& [name, reason] = looked.removed.back();
    stats_.rejected_message = std::to_string(looked.removed.size()) +
                              " files that no process uses were removed, the last of them " +
                              printable(name) + ": " + reason;
  }
  add(looked.changed, now);
}

const char* Collect::room_refusal(const LiveSegment& segment, const Moment& now) {
  const char* refusal = nullptr;
  do {
    refusal = quota_.refusal(segment.file.owner_uid(), segment.reader.claimed_bytes(),
                             segment.file.bytes().size());
  } while (refusal != nullptr && end_oldest_lingering(now));
  return refusal;
}

void Collect::keep_waiting(const std::string& name, const LiveSegment& segment, const char* reason,
                           bool not_opened) {
  const auto account =
      not_opened ? std::nullopt
                 : std::optional(account_of(options_.tally.accounts, segment.file.owner_uid()));
  if (!waiting_.add(name, segment.file.identity().inode, account)) return;
  rejected_.count(reason);
  tell_rejected(name, reason, segment.reader);
}

// A file that was given another name is read already, or folded: taken as new, it would count
// twice.
bool Collect::found_again(const MappedSegment& named) {
  const SegmentIdentity& identity = named.identity();
  if (folded_files_.holds(identity)) {
    if (folded_files_.remove_found(directory_fd_, identity, named.file())) {
      ledger_.removed(identity);
    }
    return true;
  }
  const auto known = by_identity_.find(identity);
  if (known == by_identity_.end()) return false;
  LiveSegment& segment = *known->second;
  if (!segment.nameless) by_name_.erase(segment.file.identity().file_name);
  segment.file.take_name(identity.file_name);
  segment.directory_fd = directory_fd_;
  segment.nameless = false;
  by_name_[identity.file_name] = &segment;
  return true;
}

const char* Collect::read_claims(LiveSegment& segment) {
  segment.reader.begin_round();
  const Reject reject = segment.file.check_claims(segment.reader);
  if (reject != Reject::kNone) return reject_name(reject);
  return segment.file.truncated() ? reject_name(Reject::kTruncated) : nullptr;
}

std::unique_ptr<Binding> Collect::new_binding(const LiveSegment& segment) const {
  auto binding = std::make_unique<Binding>();
  binding->service = segment.service->shown();
  binding->pid = segment.reader.info().pid;
  binding->owner_uid = segment.file.owner_uid();
  binding->file_cells = segment.reader.info().cell_capacity;
  binding->zero_unix_s =
      static_cast<std::uint32_t>(segment.file.identity().birth_ns / 1'000'000'000);
  return binding;
}

// In an order that leaves either `segment` or segments_ what it was if there is no memory.
void Collect::take(std::unique_ptr<LiveSegment>& segment, const Moment& now) {
  LiveSegment& taken = *segment;
  taken.binding = new_binding(taken);
  by_name_[taken.file.identity().file_name] = &taken;
  tally_.attach(*taken.binding);
  taken.place = segments_.size();
  segments_.push_back(std::move(segment));
  const shm::Fault fault = follow(taken, now);
  if (fault != shm::Fault::kNone) eject(taken, shm::fault_name(fault), now);
}

shm::Fault Collect::follow(LiveSegment& segment, const Moment& now) {
  const std::uint32_t uid = segment.file.owner_uid();
  Binding& binding = *segment.binding;
  binding.cell_capacity =
      std::min(segment.reader.info().cell_capacity, binding.cells + quota_.cells_left(uid));
  Binder binder(tally_, binding, options_.tally.per_process, quota_.series_left(uid),
                options_.page_bytes_per_segment);
  const ConflictCounts before = binding.conflicts;
  const std::uint64_t left_out_before = amount_of(binding.left_out);
  const std::uint32_t series_before = segment.reader.series_count();
  segment.half_followed = true;
  const shm::Fault fault = segment.reader.follow(binder);
  segment.half_followed = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    stats_.conflicts[i] += binding.conflicts[i] - before[i];
  }
  if (segment.reader.series_count() - series_before >= kSeriesWorthForgetting) {
    segment.forget_pages();
  }
  update_usage(segment);
  // Room that has come since is still to be taken for what was left out before.
  if (amount_of(binding.left_out) > left_out_before) {
    const Room now_left = room_of(uid);
    segment.room_then = left_out_before == 0 ? now_left : least(segment.room_then, now_left);
  }
  binding.zero_unix_s = static_cast<std::uint32_t>(now.unix_s);
  return fault;
}

void Collect::update_usage(LiveSegment& segment) {
  const Binding& binding = *segment.binding;
  const SegmentUsage after = {1, segment.reader.claimed_bytes(), binding.bound_series,
                              binding.cells, segment.file.bytes().size()};
  if (after == segment.usage) return;
  quota_.change(segment.file.owner_uid(), segment.usage, after);
  segment.usage = after;
}

void Collect::eject(LiveSegment& segment, const char* reason, const Moment& now) {
  tally_.detach(*segment.binding, now);
  const std::string& name = segment.file.identity().file_name;
  if (!segment.nameless) rejected_.add(directory_fd_, name, reason, now.boot_s);
  tell_rejected(name, reason, segment.reader);
  let_go(segment);
}

void Collect::let_go(LiveSegment& segment) {
  for (std::size_t i = 0; i < segment.drops.size(); ++i) stats_.drops[i] += segment.drops[i];
  quota_.change(segment.file.owner_uid(), segment.usage, {});
  owners_.leave(*segment.service, segment.reader.info().lineage_key, boot_s_);
  room_came_ = true;
  if (!segment.nameless) by_name_.erase(segment.file.identity().file_name);
  by_identity_.erase(segment.file.identity());
  segments_[segment.place] = nullptr;
  any_let_go_ = true;
}

// Once for all that a call let go: each costs the same however many there are.
void Collect::drop_let_go() {
  if (!std::exchange(any_let_go_, false)) return;
  std::erase(segments_, nullptr);
  for (std::size_t place = 0; place < segments_.size(); ++place) segments_[place]->place = place;
}

void Collect::removed(std::span<const std::string> names) {
  for (const std::string& name : names) {
    rejected_.forget(name);
    waiting_.forget(name);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) continue;
    found->second->nameless = true;
    by_name_.erase(found);
  }
}

// Reads segments anew whose reading an exception (no memory) ended half way: their binding and their
// reader differ.
void Collect::mend_half_followed(const Moment& now) {
  for (auto& segment : segments_) {
    if (segment->half_followed) make_anew(*segment, now);
  }
  drop_let_go();
}

void Collect::follow_or_end(LiveSegment& segment, const Moment& now) {
  if (const char* reason = read_claims(segment)) {
    end_faulty(segment, reason, now);
  } else if (const shm::Fault fault = follow(segment, now); fault != shm::Fault::kNone) {
    end_faulty(segment, shm::fault_name(fault), now);
  }
}

void Collect::follow_all(const Moment& now) {
  mend_half_followed(now);
  for (auto& segment : segments_) follow_or_end(*segment, now);
  drop_let_go();
}

// The agent is woken by a segment's name, and often reads its catalogue before the first definition
// is in it. What is half followed waits for the sweep, which mends it.
void Collect::follow_grown(const Moment& now) {
  for (auto& segment : segments_) {
    if (!segment->half_followed && segment->reader.has_news()) follow_or_end(*segment, now);
  }
  drop_let_go();
}

// If a segment was cut off before the round added it, everything that was shown of it is folded by now.
// If it was cut off after that, its fold is in the next round.
void Collect::eject_truncated(const Moment& now) {
  for (auto& segment : segments_) {
    if (segment->file.truncated()) end_faulty(*segment, reject_name(Reject::kTruncated), now);
  }
  drop_let_go();
}

// One round, whatever writers do meanwhile.
Snapshot Collect::gather(const Moment& now) {
  boot_s_ = now.boot_s;
  drop_let_go();
  const auto begin = std::chrono::steady_clock::now();
  // All catalogues first: a round's slots must all be there when it begins.
  follow_all(now);
  tally_.begin_gather();
  for (auto& segment : segments_) {
    tally_.add(*segment->binding, ReaderCells(segment->reader, segment->file), now);
    segment->gathered = true;
    segment->read_drops();
    exemplars_.clear();
    segment->reader.exemplars(exemplars_);
    if (!exemplars_.empty()) tally_.take_exemplars(*segment->binding, exemplars_);
  }
  Snapshot snapshot = tally_.finish_gather();
  fold_back_steps(now);
  eject_truncated(now);
  ++stats_.gathers;
  stats_.gather_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return snapshot;
}

bool Collect::may_make_anew(const LiveSegment& segment) const {
  return anew_.allows(account_of(options_.tally.accounts, segment.file.owner_uid()));
}

// Segments of users with precedence take the names first; segments that lose a name come last. These do
// not wait, because a page has no room for both definitions.
void Collect::make_contested_anew(const Moment& now) {
  const bool has_waited = std::exchange(contested_wait_, false);
  if (!tally_.yield_contested() && !has_waited) return;
  std::vector<LiveSegment*> anew;
  for (const bool wins : {true, false}) {
    for (const auto& segment : segments_) {
      const Binding& binding = *segment->binding;
      const bool is_freed = tally_.has_freed_name(binding);
      if (wins ? is_freed : !is_freed && tally_.uses_displaced(binding)) {
        anew.push_back(segment.get());
      }
    }
    if (!wins) break;
    std::stable_partition(anew.begin(), anew.end(), [](const LiveSegment* segment) {
      return segment->file.owner_uid() < kFirstOrdinaryUid;
    });
  }
  for (LiveSegment* segment : anew) {
    if (may_make_anew(*segment) || tally_.uses_displaced(*segment->binding)) {
      make_anew(*segment, now);
    } else {
      contested_wait_ = true;
    }
  }
  tally_.drop_displaced();
  drop_let_go();
}

// Families and series that were left out before were counted as conflicts then, and are not again.
void Collect::make_anew(LiveSegment& segment, const Moment& now) {
  // The new binding before the old one goes: no row loses its last part in between.
  auto binding = new_binding(segment);
  const std::uint32_t uid = segment.file.owner_uid();
  binding->cell_capacity =
      std::min(binding->file_cells, segment.binding->cells + quota_.cells_left(uid));
  binding->impossible_series = segment.binding->impossible_series;
  shm::SegmentReader reader;
  tally_.attach(*binding);
  Binder binder(tally_, *binding, options_.tally.per_process,
                quota_.series_left(uid) + segment.usage.series, options_.page_bytes_per_segment);
  shm::Fault fault = reader.attach(segment.file.bytes(), options_.reader_limits);
  try {
    if (fault == shm::Fault::kNone) {
      reader.begin_round();
      fault = reader.follow(binder);
    }
    anew_.spend(account_of(options_.tally.accounts, uid), binding_work(*binding));
  } catch (...) {
    tally_.detach(*binding, now);
    throw;
  }
  for (std::size_t i = 0; i < binding->conflicts.size(); ++i) {
    const std::uint64_t before = segment.binding->conflicts[i];
    if (binding->conflicts[i] > before) stats_.conflicts[i] += binding->conflicts[i] - before;
  }
  tally_.detach(*segment.binding, now);
  segment.binding = std::move(binding);
  segment.reader = std::move(reader);
  segment.half_followed = false;
  update_usage(segment);
  segment.room_then = room_of(uid);
  if (fault != shm::Fault::kNone) eject(segment, shm::fault_name(fault), now);
}

Room Collect::room_of(std::uint32_t uid) const {
  return {tally_.families_left(uid), quota_.series_left(uid), quota_.cells_left(uid),
          tally_.page_bytes_left(uid)};
}

// Each sweep begins behind the segment where the one before ended.
void Collect::take_left_out(const Moment& now) {
  std::vector<LiveSegment*> wanting;
  for (const auto& segment : segments_) {
    if (!is_nothing(segment->binding->left_out)) wanting.push_back(segment.get());
  }
  for (std::size_t i = 0; i < wanting.size() && !anew_.is_sweep_over(); ++i) {
    LiveSegment& segment = *wanting[left_out_turn_++ % wanting.size()];
    if (!may_make_anew(segment)) continue;
    const Room room = room_of(segment.file.owner_uid());
    if (!is_worth_another_try(segment.binding->left_out, segment.room_then, room)) continue;
    make_anew(segment, now);
  }
  drop_let_go();
}

namespace {

std::optional<std::uint64_t> passed_bytes(const LiveSegment& segment) {
  const std::vector<std::uint32_t>& cells = segment.binding->passed_cells;
  if (cells.empty()) return std::nullopt;
  std::uint64_t bytes = 0;
  for (const std::uint32_t cell : cells) segment.reader.add_cells(cell, std::span(&bytes, 1));
  return bytes;
}

}  // namespace

std::vector<AttachedProcess> Collect::attached() const {
  std::vector<AttachedProcess> living;
  for (const auto& segment : segments_) {
    if (segment == nullptr || segment->dead) continue;
    const shm::SegmentInfo& info = segment->reader.info();
    living.push_back({{info.pid, info.start_time_ticks, segment->file.owner_uid()},
                      info.pid_namespace,
                      segment->binding->service,
                      passed_bytes(*segment)});
  }
  return living;
}

CollectStats Collect::stats() const {
  CollectStats stats = stats_;
  for (const auto& segment : segments_) {
    if (segment == nullptr) continue;  // an exception ended the call that let it go
    ++(segment->dead ? stats.dead_segments : stats.live_segments);
    if (segment->nameless) ++stats.nameless_segments;
    stats.mapped_bytes += segment->file.bytes().size();
    for (std::size_t i = 0; i < stats.drops.size(); ++i) stats.drops[i] += segment->drops[i];
  }
  stats.rejected_segments = rejected_.count();
  stats.waiting_segments = waiting_.count();
  stats.rejected = rejected_.by_reason();
  stats.unremoved_segments = folded_files_.count();
  stats.series = quota_.total().series;
  stats.claimed_bytes = quota_.total().bytes;
  stats.rows = tally_.rows();
  stats.slots = tally_.slots();
  stats.ledger_rows = tally_.ledger_rows();
  stats.ledger_bytes = ledger_.file_bytes();
  stats.overflowed_rows = tally_.overflowed_rows();
  stats.conflicts[static_cast<std::size_t>(Conflict::kImpossibleCount)] =
      tally_.impossible_series();
  stats.not_finite = tally_.not_finite();
  stats.held_back = tally_.held_back();
  return stats;
}

}  // namespace notch::agent
