#include "agent/collect/segment_reading.h"

#include <algorithm>
#include <utility>

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

const char* claims_fault(LiveSegment& segment) {
  segment.reader.begin_round();
  const Reject reject = segment.file.check_claims(segment.reader);
  if (reject != Reject::kNone) return reject_name(reject);
  return segment.file.truncated() ? reject_name(Reject::kTruncated) : nullptr;
}

std::unique_ptr<Binding> SegmentReading::new_binding(const LiveSegment& segment) const {
  auto binding = std::make_unique<Binding>();
  binding->service = segment.service->shown();
  binding->pid = segment.reader.info().pid;
  binding->owner_uid = segment.file.owner_uid();
  binding->file_cells = segment.reader.info().cell_capacity;
  binding->zero_unix_s =
      static_cast<std::uint32_t>(segment.file.identity().birth_ns / 1'000'000'000);
  return binding;
}

shm::Fault SegmentReading::follow(LiveSegment& segment, const Moment& now) {
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

void SegmentReading::update_usage(LiveSegment& segment) {
  const Binding& binding = *segment.binding;
  const SegmentUsage after = {1, segment.reader.claimed_bytes(), binding.bound_series,
                              binding.cells, segment.file.bytes().size()};
  living_.charge(segment, after);
}

shm::Fault SegmentReading::read_anew(LiveSegment& segment, const Moment& now) {
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
  return fault;
}

Room SegmentReading::room_of(std::uint32_t uid) const {
  return {tally_.families_left(uid), quota_.series_left(uid), quota_.cells_left(uid),
          tally_.page_bytes_left(uid)};
}

bool SegmentReading::may_read_anew(const LiveSegment& segment) const {
  return anew_.allows(account_of(options_.tally.accounts, segment.file.owner_uid()));
}

}  // namespace notch::agent
