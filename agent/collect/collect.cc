// Takes, gathers and sweeps all segments. collect_owners.cc has the owners of services' names.
#include "agent/collect/collect.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/files/directory_entry.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kLook_s = 10;
constexpr std::size_t kMostUnopened = 4096;     // per look
constexpr std::uint64_t kRetentionChecks = 16;  // per retention time
constexpr std::uint64_t kLongestRetentionCheck_s = 600;

}  // namespace

Collect::Collect(const CollectOptions& options)
    : options_(options),
      tally_(options.tally),
      quota_(options.limits, options.tally.accounts),
      owners_(options.owners),
      living_(quota_, owners_, stats_),
      refusals_(options.tally.accounts, stats_),
      ledger_(options_, tally_, owners_, stats_),
      reading_(options_, tally_, quota_, living_, stats_),
      deaths_(options_, tally_, ledger_, living_, reading_, refusals_, stats_),
      intake_(options_, quota_, living_, deaths_, refusals_) {}

LedgerResult Collect::open(int directory_fd, const Moment& now, Recovered& recovered) {
  directory_fd_ = directory_fd;
  deaths_.move_to(directory_fd);
  recovered = {};
  if (options_.tally.per_process) return {};
  const LedgerResult result = ledger_.open(directory_fd, recovered);
  if (!result.ok) return result;
  stats_.broken_frames = recovered.broken_frames;
  tally_.restore(recovered);
  owners_.restore(recovered.services, now.boot_s);
  take_owner_changes();
  recovered.families = {};
  recovered.rows = {};
  deaths_.remove_recovered(recovered.folded);
  return result;
}

void Collect::forget_names() {
  living_.drop_left();
  living_.lose_names();
  refusals_.forget_all();
}

void Collect::move_to(int directory_fd) {
  if (directory_fd == directory_fd_) return;
  forget_names();
  for (const auto& segment : living_.all()) {
    // A directory that was removed has no file any more; one that was moved still has it.
    if (!has_a_name(segment->file.file())) segment->directory_fd = -1;
  }
  directory_fd_ = directory_fd;
  deaths_.move_to(directory_fd);
  ledger_.move_to(directory_fd);
}

bool Collect::uses_directory(int directory_fd) const {
  return directory_fd == directory_fd_ || deaths_.uses_directory(directory_fd) ||
         std::ranges::any_of(living_.all(), [&](const auto& segment) {
           return segment != nullptr && segment->directory_fd == directory_fd;
         });
}

void Collect::add(std::span<const std::string> names, const Moment& now) {
  living_.drop_left();
  if (!names.empty()) deaths_.follow_grown(now);
  std::vector<std::unique_ptr<LiveSegment>> opened;
  opened.reserve(names.size());
  living_.reserve(names.size());
  try {
    for (const std::string& name : names) {
      if (living_.has_name(name)) continue;
      refusals_.forget_rejected(name);
      auto segment = intake_.open(directory_fd_, name, now);
      if (segment == nullptr) continue;
      opened.push_back(std::move(segment));
      living_.announce(*opened.back());
    }
    std::ranges::sort(opened, {}, [](const auto& segment) {
      return std::tuple(segment->file.identity().birth_ns, segment->reader.info().created_unix_ns);
    });
    for (auto& segment : opened) claim_service(*segment);
    take_owner_changes();
    for (auto& segment : opened) take(segment, now);
  } catch (...) {
    for (const auto& segment : opened) {
      if (segment != nullptr) living_.withdraw(*segment, now.boot_s);
    }
    throw;
  }
  living_.drop_left();
}

// In an order that leaves either `segment` or the living what it was if there is no memory.
void Collect::take(std::unique_ptr<LiveSegment>& segment, const Moment& now) {
  LiveSegment& taken = *segment;
  taken.binding = reading_.new_binding(taken);
  living_.add_name(taken);
  tally_.attach(*taken.binding);
  living_.add(std::move(segment));
  const shm::Fault fault = reading_.follow(taken, now);
  if (fault != shm::Fault::kNone) deaths_.reject(taken, shm::fault_name(fault), now);
}

void Collect::removed(std::span<const std::string> names) {
  for (const std::string& name : names) {
    refusals_.forget(name);
    living_.lose_name(name);
  }
}

// One round, whatever writers do meanwhile.
Snapshot Collect::gather(const Moment& now) {
  living_.drop_left();
  const auto begin = std::chrono::steady_clock::now();
  // All catalogues first: a round's slots must all be there when it begins.
  deaths_.follow_all(now);
  tally_.begin_gather();
  for (const auto& segment : living_.all()) {
    tally_.add(*segment->binding, ReaderCells(segment->reader, segment->file), now);
    segment->gathered = true;
    segment->read_drops();
    exemplars_.clear();
    segment->reader.exemplars(exemplars_);
    if (!exemplars_.empty()) tally_.take_exemplars(*segment->binding, exemplars_);
  }
  Snapshot snapshot = tally_.finish_gather();
  deaths_.fold_resets(now);
  end_truncated(now);
  ++stats_.gathers;
  stats_.gather_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return snapshot;
}

// If a segment was cut off before the round added it, everything that was shown of it is folded by now.
// If it was cut off after that, its fold is in the next round.
void Collect::end_truncated(const Moment& now) {
  for (const auto& segment : living_.all()) {
    if (segment->file.truncated()) {
      deaths_.fold_or_reject(*segment, reject_name(Reject::kTruncated), now);
    }
  }
  living_.drop_left();
}

void Collect::sweep(const Moment& now) {
  living_.drop_left();
  if (!options_.tally.per_process) ledger_.keep_in_place(now);
  deaths_.mend_half_followed(now);
  deaths_.find(now);
  deaths_.end(now);
  if (living_.take_room_came()) add(refusals_.names_with_room(quota_), now);
  reading_.begin_sweep(now.boot_s);
  make_contested_anew(now);
  take_left_out(now);
  if (options_.retention_s != 0 && now.boot_s >= next_retention_boot_s_) {
    stats_.retired_rows += tally_.retire(now, options_.retention_s);
    next_retention_boot_s_ = now.boot_s + std::clamp(options_.retention_s / kRetentionChecks,
                                                     std::uint64_t{1}, kLongestRetentionCheck_s);
  }
  if (now.boot_s >= next_look_boot_s_) {
    next_look_boot_s_ = now.boot_s + kLook_s;
    deaths_.remove_left_over();
    add(refusals_.look_again(directory_fd_, now.boot_s), now);
    add(refusals_.names_not_whole(kMostUnopened), now);
  }
  retire_owners(now);
  ledger_.write_services(now);
  if (!options_.tally.per_process) {
    ledger_.fold_away_excess(now);
    ledger_.compact_if_worth(now);
  }
  tally_.compact_if_worth();
}

// Segments of users with precedence take the names first; segments that lose a name come last. These do
// not wait, because a page has no room for both definitions.
void Collect::make_contested_anew(const Moment& now) {
  const bool has_waited = std::exchange(contested_wait_, false);
  if (!tally_.yield_contested() && !has_waited) return;
  std::vector<LiveSegment*> anew;
  for (const bool wins : {true, false}) {
    for (const auto& segment : living_.all()) {
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
    if (reading_.may_read_anew(*segment) || tally_.uses_displaced(*segment->binding)) {
      deaths_.read_anew(*segment, now);
    } else {
      contested_wait_ = true;
    }
  }
  tally_.drop_displaced();
  living_.drop_left();
}

// Each sweep begins behind the segment where the one before ended.
void Collect::take_left_out(const Moment& now) {
  std::vector<LiveSegment*> wanting;
  for (const auto& segment : living_.all()) {
    if (!is_nothing(segment->binding->left_out)) wanting.push_back(segment.get());
  }
  for (std::size_t i = 0; i < wanting.size() && !reading_.is_sweep_over(); ++i) {
    LiveSegment& segment = *wanting[left_out_turn_++ % wanting.size()];
    if (!reading_.may_read_anew(segment)) continue;
    const Room room = reading_.room_of(segment.file.owner_uid());
    if (!is_worth_another_try(segment.binding->left_out, segment.room_then, room)) continue;
    deaths_.read_anew(segment, now);
  }
  living_.drop_left();
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
  for (const auto& segment : living_.all()) {
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
  for (const auto& segment : living_.all()) {
    if (segment == nullptr) continue;  // an exception ended the call that let it go
    ++(segment->dead ? stats.dead_segments : stats.live_segments);
    if (segment->nameless) ++stats.nameless_segments;
    stats.mapped_bytes += segment->file.bytes().size();
    for (std::size_t i = 0; i < stats.drops.size(); ++i) stats.drops[i] += segment->drops[i];
  }
  refusals_.add_to(stats);
  stats.unremoved_segments = deaths_.unremoved();
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
  stats.resets = tally_.reset_count();
  return stats;
}

}  // namespace notch::agent
