#include "agent/segments/folded_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "agent/files/directory_entry.h"
#include "agent/segments/segment_identity.h"

namespace notch::agent {
namespace {

constexpr int kLooks = 2;

enum class Outcome { kRemoved, kNotThere, kStays };

Outcome remove_name(int directory_fd, const SegmentIdentity& segment) {
  struct statx status {};
  if (!look_at_entry(directory_fd, segment.file_name, kIdentityStatxMask, status)) {
    // Below a mount it may still be there, and must not be read again once the mount is gone.
    return errno == EXDEV ? Outcome::kStays : Outcome::kNotThere;
  }
  if (identity_of(status, segment.file_name) != segment) return Outcome::kNotThere;
  if (::unlinkat(directory_fd, segment.file_name.c_str(), 0) == 0) return Outcome::kRemoved;
  return errno == ENOENT ? Outcome::kNotThere : Outcome::kStays;
}

}  // namespace

bool remove_segment_file(int directory_fd, const SegmentIdentity& segment) {
  return remove_name(directory_fd, segment) != Outcome::kStays;
}

bool FoldedFiles::remove(int directory_fd, const SegmentIdentity& segment, int file) {
  const Outcome outcome = remove_name(directory_fd, segment);
  const bool gone = file >= 0 ? !has_a_name(file) : outcome == Outcome::kRemoved;
  if (!gone) held_.emplace(segment, Held{directory_fd});
  return gone;
}

bool FoldedFiles::remove_found(int directory_fd, const SegmentIdentity& segment, int file) {
  held_.erase(segment);
  return remove(directory_fd, segment, file);
}

std::vector<SegmentIdentity> FoldedFiles::look_again() {
  std::vector<SegmentIdentity> gone;
  for (auto at = held_.begin(); at != held_.end();) {
    Held& held = at->second;
    const Outcome outcome = remove_name(held.directory_fd, at->first);
    const bool given_up = outcome == Outcome::kNotThere && ++held.looks >= kLooks;
    if (outcome != Outcome::kRemoved && !given_up) {
      ++at;
      continue;
    }
    gone.push_back(at->first);
    at = held_.erase(at);
  }
  return gone;
}

bool FoldedFiles::any_in(int directory_fd) const {
  return std::ranges::any_of(
      held_, [&](const auto& held) { return held.second.directory_fd == directory_fd; });
}

}  // namespace notch::agent
