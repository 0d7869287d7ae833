#include "agent/ledger/ledger_replay.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/services/service_label.h"

namespace notch::agent {

namespace {

constexpr std::uint32_t kMissing = 0xFFFFFFFF;

// Ids of the file to places in what was recovered: the same, but for definitions left out.
class IdMap {
 public:
  // False if `id` is not the next one. Up to `left_out` definitions may be missing before it.
  bool define(std::uint32_t id, std::uint64_t left_out, std::size_t place) {
    if (id < places_.size() || id - places_.size() > left_out) return false;
    places_.resize(id, kMissing);
    places_.push_back(static_cast<std::uint32_t>(place));
    return true;
  }
  std::uint32_t operator[](std::uint32_t id) const noexcept {
    return id < places_.size() ? places_[id] : kMissing;
  }

 private:
  std::vector<std::uint32_t> places_;
};

// The result of the frames read so far.
class Replayer {
 public:
  explicit Replayer(std::uint32_t version) : version_(version) {}

  // The rule that the frame breaks, or nullptr. The parts that keep the rules are taken all the same.
  BrokenRule take(const Frame& frame) {
    const BrokenRule broken = take_kind(frame);
    if (broken != nullptr) ++result_.broken_frames;
    return broken;
  }

  void count_broken_header() noexcept { ++result_.broken_frames; }

  // Once no frame is left.
  BrokenRule finish_snapshot() {
    if (!in_snapshot_) return nullptr;
    ++result_.broken_frames;
    return "its snapshot is not whole";
  }

  bool in_snapshot() const noexcept { return in_snapshot_; }

  Recovered finish() && {
    result_.folded.assign(folded_.begin(), folded_.end());
    return std::move(result_);
  }

 private:
  BrokenRule take_kind(const Frame& frame) {
    switch (frame.kind) {
      case FrameKind::kFamily:
        return take_family(frame.payload);
      case FrameKind::kRow:
        return take_row(frame.payload);
      case FrameKind::kTotal:
        return in_snapshot_ ? take_total(frame.payload) : "a total behind the snapshot";
      case FrameKind::kAwaiting:
        return in_snapshot_ ? take_awaiting(frame.payload) : "a wait behind the snapshot";
      case FrameKind::kSnapshotEnd:
        return in_snapshot_ ? take_snapshot_end(frame.payload) : "a second end of the snapshot";
      case FrameKind::kFold:
        return take_appended(take_fold(frame.payload), "a fold within the snapshot");
      case FrameKind::kRemoved:
        return take_appended(take_removed(frame.payload), "a removal within the snapshot");
      case FrameKind::kService:
        return take_service(frame.payload);
    }
    return "its kind is unknown";
  }

  // The snapshot has no end then: it was left out, or never there.
  BrokenRule take_appended(BrokenRule broken, BrokenRule within_snapshot) {
    return std::exchange(in_snapshot_, false) ? within_snapshot : broken;
  }

  BrokenRule take_family(std::span<const std::byte> payload) {
    std::uint32_t id = 0;
    Family family;
    if (const BrokenRule broken = decode_family(payload, version_, id, family)) return broken;
    if (!families_.define(id, result_.broken_frames, result_.families.size())) return kNotTheNext;
    result_.families.push_back(std::move(family));
    return nullptr;
  }

  BrokenRule take_row(std::span<const std::byte> payload) {
    RowDefinition definition;
    if (const BrokenRule broken = decode_row(payload, version_, definition)) return broken;
    const std::uint32_t family = families_[definition.family];
    if (family == kMissing) return "its family is not defined";
    const auto place = static_cast<std::uint32_t>(result_.rows.size());
    if (!rows_.define(definition.row, result_.broken_frames, place)) return kNotTheNext;
    RecoveredRow row;
    row.family = family;
    row.labels = definition.labels;
    row.owner_uid = definition.owner_uid;
    row.total = empty_total(result_.families[family], place);
    result_.rows.push_back(std::move(row));
    return nullptr;
  }

  BrokenRule take_total(std::span<const std::byte> payload) {
    std::uint64_t last_seen = 0;
    if (const BrokenRule broken = decode_total(payload, change_, last_seen)) return broken;
    if (const BrokenRule broken = find_row()) return broken;
    result_.rows[change_.row].total = change_;
    result_.rows[change_.row].last_seen_boot_s = last_seen;
    return nullptr;
  }

  BrokenRule take_awaiting(std::span<const std::byte> payload) {
    SegmentIdentity segment;
    if (const BrokenRule broken = decode_segment(payload, segment)) return broken;
    return remember_folded(segment);
  }

  BrokenRule take_snapshot_end(std::span<const std::byte> payload) {
    SnapshotCounts counts;
    in_snapshot_ = false;
    if (const BrokenRule broken = decode_snapshot_end(payload, counts)) return broken;
    const SnapshotCounts read{result_.families.size(), result_.rows.size(), folded_.size()};
    return counts == read ? nullptr : "its counts are not those of the snapshot";
  }

  BrokenRule take_fold(std::span<const std::byte> payload) {
    FoldCursor cursor;
    if (const BrokenRule broken = cursor.begin(payload)) return broken;
    if (const BrokenRule broken = remember_folded(cursor.segment())) return broken;
    BrokenRule first_broken = nullptr;
    while (cursor.next(change_)) {
      if (const BrokenRule broken = find_row()) {
        if (first_broken == nullptr) first_broken = broken;
        continue;
      }
      RecoveredRow& row = result_.rows[change_.row];
      add_change(result_.families[row.family], change_, row.total);
      row.last_seen_boot_s = std::max(row.last_seen_boot_s, cursor.now_boot_s());
    }
    return first_broken != nullptr ? first_broken : cursor.broken();
  }

  BrokenRule take_removed(std::span<const std::byte> payload) {
    SegmentIdentity segment;
    if (const BrokenRule broken = decode_segment(payload, segment)) return broken;
    return folded_.erase(segment) == 1 ? nullptr : "its segment was not folded";
  }

  // A service that takes a name from another takes it from the other's rows so far, and its own rows get
  // it.
  BrokenRule take_service(std::span<const std::byte> payload) {
    ServiceRecord record;
    if (const BrokenRule broken = decode_service(payload, record)) return broken;
    std::vector<ServiceRename> renames;
    ServiceRecord* known = nullptr;
    for (ServiceRecord& service : result_.services) {
      if (service.name != record.name) continue;
      if (service.owner_uid == record.owner_uid) {
        known = &service;
      } else if (record.holds && std::exchange(service.holds, false)) {
        renames.push_back({service.name, suffixed_name(service.name, service.owner_uid)});
      }
    }
    if (known == nullptr) {
      result_.services.push_back(std::move(record));
    } else {
      if (known->holds != record.holds) {
        const std::string suffixed = suffixed_name(known->name, known->owner_uid);
        renames.push_back(record.holds ? ServiceRename{suffixed, known->name}
                                       : ServiceRename{known->name, suffixed});
      }
      known->holds = record.holds;
      known->keys.insert(known->keys.end(), record.keys.begin(), record.keys.end());
    }
    rename_rows(renames);
    return nullptr;
  }

  void rename_rows(std::span<const ServiceRename> renames) {
    const LabelRenames labels(renames);
    if (labels.empty()) return;
    std::string renamed;
    for (RecoveredRow& row : result_.rows) {
      if (labels.apply(row.labels, renamed)) row.labels = renamed;
    }
  }

  // Makes change_.row the row's place.
  BrokenRule find_row() noexcept {
    const std::uint32_t place = rows_[change_.row];
    if (place == kMissing) return "its row is not defined";
    change_.row = place;
    return change_fault(result_.families[result_.rows[place].family], change_);
  }

  BrokenRule remember_folded(const SegmentIdentity& segment) {
    return folded_.insert(segment).second ? nullptr : "its segment was folded before";
  }

  static constexpr BrokenRule kNotTheNext = "its id is not the next one";

  const std::uint32_t version_;  // of the file
  Recovered result_;
  bool in_snapshot_ = true;
  IdMap families_;
  IdMap rows_;
  std::unordered_set<SegmentIdentity, SegmentIdentityHash> folded_;  // not yet removed
  RowChange change_;                                                 // its memory serves every row
};

std::string place_and_rule(std::size_t offset, FrameKind kind, BrokenRule broken) {
  return "frame of kind " + std::to_string(static_cast<std::uint32_t>(kind)) + " at byte " +
         std::to_string(offset) + ": " + broken;
}

}  // namespace

Replay replay_ledger(std::span<const std::byte> file, const BootId& this_boot) {
  Replay replay;
  LedgerHeader header;
  const HeaderFault fault = decode_header(file, header);
  if (fault != HeaderFault::kNone) {
    replay.message = header_fault_text(fault);
    if (fault == HeaderFault::kNewerVersion || !is_damaged_header_of(this_boot, file)) {
      return replay;
    }
  } else if (header.boot != this_boot) {
    replay.outcome = ReplayOutcome::kOtherBoot;
    return replay;
  }
  replay.version = header.version;
  Replayer replayer(header.version);
  if (fault != HeaderFault::kNone) replayer.count_broken_header();
  std::size_t offset = kLedgerHeaderBytes;
  while (const auto frame = first_frame(file.subspan(offset))) {
    const bool was_snapshot = replayer.in_snapshot();
    if (const BrokenRule broken = replayer.take(*frame); broken && replay.message.empty()) {
      replay.message = place_and_rule(offset, frame->kind, broken);
    }
    offset += frame->bytes;
    if (was_snapshot && !replayer.in_snapshot()) replay.snapshot_bytes = offset;
  }
  if (const BrokenRule broken = replayer.finish_snapshot(); broken && replay.message.empty()) {
    replay.message = broken;
  }
  replay.outcome = ReplayOutcome::kRead;
  replay.recovered = std::move(replayer).finish();
  replay.recovered.torn_bytes = file.size() - offset;
  replay.whole_bytes = offset;
  return replay;
}

}  // namespace notch::agent
