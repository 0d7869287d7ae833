#include "agent/segments/segment_quota.h"

#include <algorithm>

namespace notch::agent {
namespace {

std::uint64_t left(std::uint64_t limit, std::uint64_t taken) {
  return limit > taken ? limit - taken : 0;
}

void move(SegmentUsage& sum, const SegmentUsage& before, const SegmentUsage& after) {
  sum.segments += after.segments - before.segments;
  sum.bytes += after.bytes - before.bytes;
  sum.series += after.series - before.series;
  sum.cells += after.cells - before.cells;
  sum.mapped_bytes += after.mapped_bytes - before.mapped_bytes;
}

}  // namespace

SegmentLimits within_descriptors(SegmentLimits limits, std::uint64_t descriptors,
                                 std::uint64_t kept_descriptors) {
  // Under a limit so low that nothing would be left, segments and the rest share it.
  const std::uint64_t room =
      descriptors - std::min(kept_descriptors, descriptors - descriptors / 2);
  limits.total.segments = std::min(limits.total.segments, room);
  limits.per_uid.segments = std::min(limits.per_uid.segments, room - room / 4);
  return limits;
}

const SegmentUsage& SegmentQuota::of(std::uint32_t uid) const {
  static const SegmentUsage kNothing;
  const auto found = by_uid_.find(account_of(accounts_, uid));
  return found == by_uid_.end() ? kNothing : found->second;
}

const char* SegmentQuota::refusal(std::uint32_t uid, std::uint64_t bytes,
                                  std::uint64_t mapped_bytes) const {
  const SegmentUsage& user = of(uid);
  if (user.segments >= limits_.per_uid.segments) return "segments_per_uid";
  if (total_.segments >= limits_.total.segments) return "segments";
  if (bytes > left(limits_.per_uid.bytes, user.bytes)) return "bytes_per_uid";
  if (bytes > left(limits_.total.bytes, total_.bytes)) return "bytes";
  if (mapped_bytes > left(limits_.per_uid.mapped_bytes, user.mapped_bytes)) {
    return "address_space_per_uid";
  }
  if (mapped_bytes > left(limits_.total.mapped_bytes, total_.mapped_bytes)) return "address_space";
  return nullptr;
}

void SegmentQuota::change(std::uint32_t uid, const SegmentUsage& before,
                          const SegmentUsage& after) {
  const std::uint32_t account = account_of(accounts_, uid);
  SegmentUsage& user = by_uid_[account];  // may throw: before anything is moved
  move(total_, before, after);
  move(user, before, after);
  if (user.segments == 0) by_uid_.erase(account);
}

std::uint64_t SegmentQuota::series_left(std::uint32_t uid) const {
  return std::min(left(limits_.per_uid.series, of(uid).series),
                  left(limits_.total.series, total_.series));
}

std::uint64_t SegmentQuota::cells_left(std::uint32_t uid) const {
  return std::min(left(limits_.per_uid.cells, of(uid).cells),
                  left(limits_.total.cells, total_.cells));
}

std::uint64_t SegmentQuota::segments_left(std::uint32_t uid) const {
  return std::min(left(limits_.per_uid.segments, of(uid).segments), all_segments_left());
}

std::uint64_t SegmentQuota::all_segments_left() const {
  return left(limits_.total.segments, total_.segments);
}

}  // namespace notch::agent
