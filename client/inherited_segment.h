// The segment of a process whose forked children cannot make one of their own: they have lost the
// directory (chroot, another mount namespace, Landlock, another user), or may call the system no
// more. They inherit its mapping and count in its column 0, by atomic adds.
// Called by: process and fork; the preloaded library, which knows when the directory is lost.
//
// Invariants
//   H1  Only the process that made the segment writes its catalogue, its state and columns other
//       than 0. A child that counts in it makes no series: what would be one goes to the family's
//       overflow series, or is dropped and counted as that.
//   H2  Up-down counters are not moved by such a child: what it had raised would stay when it is
//       killed. The preloaded library drops these, counted by reason.
//   H3  The segment's lock is held while the process or one such child lives, by the mapping. A
//       child that gets a segment of its own after all gives the mapping back.
//   H4  adopt_inherited() makes no system call, takes no lock, and may be called by several threads
//       and handlers at once.
#pragma once

#include "shm/segment_file.h"

namespace notch::client {

// Forked children inherit the mapping from here on. False: it is private, or the system refused.
bool leave_to_children(const shm::Segment& own) noexcept;

// Whether this mapping is what leave_to_children() was called for, here or in a forebear.
bool is_left_to_children(const shm::Segment& segment) noexcept;

// The segment has more memory than before: what is left has, too. REQUIRES: the registry's lock.
void note_growth(const shm::Segment& own) noexcept;

// This process counts in what a forebear left, if there is such. REQUIRES: prepare(), not attached.
bool adopt_inherited() noexcept;
bool counts_in_inherited() noexcept;

// What a forebear left, if there is such; it is forgotten. For give_back_inherited() of fork.h.
bool take_left(shm::Segment& forebears) noexcept;

// Whether a file can be made where `own` is: not behind a chroot or in another mount namespace, nor
// as a user who may not write there. Changes errno.
bool is_directory_reachable(const shm::Segment& own, const char* directory) noexcept;

}  // namespace notch::client
