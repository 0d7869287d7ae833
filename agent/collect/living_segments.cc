#include "agent/collect/living_segments.h"

namespace notch::agent {

void LivingSegments::reserve(std::size_t more) {
  if (list_.capacity() - list_.size() < more) list_.reserve(2 * list_.size() + more);
}

void LivingSegments::announce(LiveSegment& segment) {
  by_identity_[segment.file.identity()] = &segment;
  charge(segment, {1, segment.reader.claimed_bytes(), 0, 0, segment.file.bytes().size()});
}

void LivingSegments::withdraw(const LiveSegment& segment, std::uint64_t now_s) noexcept {
  if (segment.usage.segments != 0) {
    quota_.change(segment.file.owner_uid(), segment.usage, {});
  }
  if (segment.service != nullptr) {
    owners_.leave(*segment.service, segment.reader.info().lineage_key, now_s);
  }
  by_identity_.erase(segment.file.identity());
  by_name_.erase(segment.file.identity().file_name);
}

void LivingSegments::add_name(LiveSegment& segment) {
  by_name_[segment.file.identity().file_name] = &segment;
}

void LivingSegments::add(std::unique_ptr<LiveSegment> segment) noexcept {
  segment->place = list_.size();
  list_.push_back(std::move(segment));
}

void LivingSegments::charge(LiveSegment& segment, const SegmentUsage& after) {
  if (after == segment.usage) return;
  quota_.change(segment.file.owner_uid(), segment.usage, after);
  segment.usage = after;
}

LiveSegment* LivingSegments::find(const SegmentIdentity& identity) const {
  const auto known = by_identity_.find(identity);
  return known == by_identity_.end() ? nullptr : known->second;
}

void LivingSegments::rename(LiveSegment& segment, const std::string& name, int directory_fd) {
  if (!segment.nameless) by_name_.erase(segment.file.identity().file_name);
  segment.file.take_name(name);
  segment.directory_fd = directory_fd;
  segment.nameless = false;
  by_name_[name] = &segment;
}

void LivingSegments::lose_name(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  found->second->nameless = true;
  by_name_.erase(found);
}

void LivingSegments::lose_names() {
  for (auto& segment : list_) segment->nameless = true;
  by_name_.clear();
}

void LivingSegments::leave(LiveSegment& segment, std::uint64_t now_s) {
  for (std::size_t i = 0; i < segment.drops.size(); ++i) stats_.drops[i] += segment.drops[i];
  quota_.change(segment.file.owner_uid(), segment.usage, {});
  owners_.leave(*segment.service, segment.reader.info().lineage_key, now_s);
  room_came_ = true;
  if (!segment.nameless) by_name_.erase(segment.file.identity().file_name);
  by_identity_.erase(segment.file.identity());
  any_left_ = true;
  list_[segment.place] = nullptr;
}

void LivingSegments::drop_left() {
  if (!std::exchange(any_left_, false)) return;
  std::erase(list_, nullptr);
  for (std::size_t place = 0; place < list_.size(); ++place) list_[place]->place = place;
}

}  // namespace notch::agent
