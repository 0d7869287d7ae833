// The files of segments whose fold is in the ledger, until they are gone: removed under whatever
// name they bear by then, and known again however often their owner renames them.
// Called by: collect.
//
// Invariants
//   FF1  A segment is held from its fold until its file has no name in the directory any more. What
//        is held must not be read as a segment.
//   FF2  A name is removed only if it leads to the segment's own file.
//   FF3  A file missing under its name is held for two looks: by then whoever lists the directory
//        has told of its new name, if it has one there.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "agent/segments/segment_identity.h"

namespace notch::agent {

// Removes the name if it leads to this file. True unless the file stays there. Cost: two system
// calls.
bool remove_segment_file(int directory_fd, const SegmentIdentity& segment);

class FoldedFiles {
 public:
  // Removes the segment's file. True if it is gone; else the segment is held. `file` is the open
  // file, or -1: without it, a file that is missing under its name may have another. Cost: three
  // system calls.
  bool remove(int directory_fd, const SegmentIdentity& segment, int file);

  // The file has been found again, under the name in `segment`: removes that. True if it is gone;
  // it is not held any more then. REQUIRES: holds(segment).
  bool remove_found(int directory_fd, const SegmentIdentity& segment, int file);

  // Tries all that are held once more, each in the directory it was held in. Returns those that are
  // gone. To be called after the directory's changes have been taken.
  std::vector<SegmentIdentity> look_again();

  // Whether any is held in that directory. Cost: a look at each.
  bool any_in(int directory_fd) const;

  bool holds(const SegmentIdentity& segment) const { return held_.contains(segment); }
  std::size_t count() const noexcept { return held_.size(); }

 private:
  struct Held {
    int directory_fd = -1;
    int looks = 0;  // that found nothing of it under its name
  };
  std::unordered_map<SegmentIdentity, Held, SegmentIdentityHash> held_;
};

}  // namespace notch::agent
