#include "agent/segment_quota.h"

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
}

}  // namespace

const SegmentUsage& SegmentQuota::of(std::uint32_t uid) const {
  static const SegmentUsage kNothing;
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? kNothing : found->second;
}

const char* SegmentQuota::refusal(std::uint32_t uid, std::uint64_t bytes) const {
  const SegmentUsage& user = of(uid);
  if (user.segments >= limits_.per_uid.segments) return "segments_per_uid";
  if (total_.segments >= limits_.total.segments) return "segments";
  if (bytes > left(limits_.per_uid.bytes, user.bytes)) return "bytes_per_uid";
  if (bytes > left(limits_.total.bytes, total_.bytes)) return "bytes";
  return nullptr;
}

void SegmentQuota::change(std::uint32_t uid, const SegmentUsage& before,
                          const SegmentUsage& after) {
  move(total_, before, after);
  SegmentUsage& user = by_uid_[uid];
  move(user, before, after);
  if (user.segments == 0) by_uid_.erase(uid);
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
