#include "agent/ledger_replay.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace notch::agent {

namespace {

// What the frames read so far add up to.
class Replayer {
 public:
  // The rule the frame breaks, or nullptr.
  BrokenRule take(const Frame& frame) {
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
        return in_snapshot_ ? "a fold within the snapshot" : take_fold(frame.payload);
      case FrameKind::kRemoved:
        return in_snapshot_ ? "a removal within the snapshot" : take_removed(frame.payload);
    }
    return "its kind is unknown";
  }

  bool in_snapshot() const noexcept { return in_snapshot_; }

  Recovered finish() && {
    result_.folded.assign(folded_.begin(), folded_.end());
    return std::move(result_);
  }

 private:
  BrokenRule take_family(std::span<const std::byte> payload) {
    std::uint32_t id = 0;
    Family family;
    if (const BrokenRule broken = decode_family(payload, id, family)) return broken;
    if (id != result_.families.size()) return "its id is not the next one";
    result_.families.push_back(std::move(family));
    return nullptr;
  }

  BrokenRule take_row(std::span<const std::byte> payload) {
    RowDefinition definition;
    if (const BrokenRule broken = decode_row(payload, definition)) return broken;
    if (definition.row != result_.rows.size()) return "its id is not the next one";
    if (definition.family >= result_.families.size()) return "its family is not defined";
    RecoveredRow row;
    row.family = definition.family;
    row.labels = definition.labels;
    row.total = empty_total(result_.families[row.family], definition.row);
    result_.rows.push_back(std::move(row));
    return nullptr;
  }

  BrokenRule take_total(std::span<const std::byte> payload) {
    std::uint64_t last_seen = 0;
    if (const BrokenRule broken = decode_total(payload, change_, last_seen)) return broken;
    if (const BrokenRule broken = check_change()) return broken;
    result_.rows[change_.row].total = change_;
    result_.rows[change_.row].last_seen_unix_s = last_seen;
    return nullptr;
  }

  BrokenRule take_awaiting(std::span<const std::byte> payload) {
    SegmentIdentity segment;
    if (const BrokenRule broken = decode_segment(payload, segment)) return broken;
    return remember_folded(segment);
  }

  BrokenRule take_snapshot_end(std::span<const std::byte> payload) {
    SnapshotCounts counts;
    if (const BrokenRule broken = decode_snapshot_end(payload, counts)) return broken;
    const SnapshotCounts read{result_.families.size(), result_.rows.size(), folded_.size()};
    if (counts != read) return "its counts are not those of the snapshot";
    in_snapshot_ = false;
    return nullptr;
  }

  BrokenRule take_fold(std::span<const std::byte> payload) {
    FoldCursor cursor;
    if (const BrokenRule broken = cursor.begin(payload)) return broken;
    if (const BrokenRule broken = remember_folded(cursor.segment())) return broken;
    while (cursor.next(change_)) {
      if (const BrokenRule broken = check_change()) return broken;
      RecoveredRow& row = result_.rows[change_.row];
      add_change(result_.families[row.family], change_, row.total);
      row.last_seen_unix_s = std::max(row.last_seen_unix_s, cursor.now_unix_s());
    }
    return cursor.broken();
  }

  BrokenRule take_removed(std::span<const std::byte> payload) {
    SegmentIdentity segment;
    if (const BrokenRule broken = decode_segment(payload, segment)) return broken;
    return folded_.erase(segment) == 1 ? nullptr : "its segment was not folded";
  }

  BrokenRule check_change() const noexcept {
    if (change_.row >= result_.rows.size()) return "its row is not defined";
    return change_fault(result_.families[result_.rows[change_.row].family], change_);
  }

  BrokenRule remember_folded(const SegmentIdentity& segment) {
    return folded_.insert(segment).second ? nullptr : "its segment was folded before";
  }

  Recovered result_;
  bool in_snapshot_ = true;
  std::unordered_set<SegmentIdentity, SegmentIdentityHash> folded_;  // not yet removed
  RowChange change_;                                                 // its memory serves every row
};

std::string refusal(std::size_t offset, FrameKind kind, BrokenRule broken) {
  return "frame of kind " + std::to_string(static_cast<std::uint32_t>(kind)) + " at byte " +
         std::to_string(offset) + ": " + broken;
}

}  // namespace

Replay replay_ledger(std::span<const std::byte> file, const BootId& this_boot) {
  Replay replay;
  BootId boot{};
  if (const HeaderFault fault = decode_header(file, boot); fault != HeaderFault::kNone) {
    replay.message = header_fault_text(fault);
    return replay;
  }
  if (boot != this_boot) {
    replay.outcome = ReplayOutcome::kOtherBoot;
    return replay;
  }
  Replayer replayer;
  std::size_t offset = kLedgerHeaderBytes;
  while (const auto frame = first_frame(file.subspan(offset))) {
    const bool was_snapshot = replayer.in_snapshot();
    if (const BrokenRule broken = replayer.take(*frame)) {
      replay.message = refusal(offset, frame->kind, broken);
      return replay;
    }
    offset += frame->bytes;
    if (was_snapshot && !replayer.in_snapshot()) replay.snapshot_bytes = offset;
  }
  if (replayer.in_snapshot()) {
    replay.message = "its snapshot is not whole";
    return replay;
  }
  replay.outcome = ReplayOutcome::kRead;
  replay.recovered = std::move(replayer).finish();
  replay.recovered.torn_bytes = file.size() - offset;
  replay.whole_bytes = offset;
  return replay;
}

}  // namespace notch::agent
