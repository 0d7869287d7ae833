// The segment of a process whose forked children cannot make one of their own: they have lost the
// directory (chroot, another mount namespace, Landlock, another user), or may call the system no
// more. They inherit its mapping and count in its column 0, by atomic adds.
// Called by: process and fork; the preloaded library, which knows when the directory is lost.
//
// Invariants
//   IS1  Only the process that made the segment writes its catalogue, its state and columns other
//        than 0. A child that counts in it makes no series: counts of a new label set go to the family's
//        overflow series, or are dropped and counted as dropped.
//   IS2  Such a child does not move up-down counters, because its raises would stay when it is killed.
//        The preloaded library drops them, counted by reason.
//   IS3  The segment's lock is held while the process or one such child lives, by the mapping. A
//        child that gets a segment of its own after all gives the mapping back.
//   IS4  adopt_inherited() makes no system call, takes no lock, and may be called by several threads
//        and handlers at once.
#pragma once

#include "shm/segment_file.h"

namespace notch::client {

// Forked children inherit the mapping from here on. False: it is private, or the system refused.
bool leave_to_children(const shm::Segment& own) noexcept;

// True if leave_to_children() was called for this mapping, here or in a forebear.
bool is_left_to_children(const shm::Segment& segment) noexcept;

// The segment has more memory than before: notes it for what is left to children. REQUIRES: the
// registry's lock.
void note_growth(const shm::Segment& own) noexcept;

// From here on this process counts in the segment that a forebear left; false if there is none.
// REQUIRES: prepare(), not attached.
bool adopt_inherited() noexcept;
bool counts_in_inherited() noexcept;

// The segment that a forebear left, which is then forgotten; false if there is none. For
// give_back_inherited() of fork.h.
bool take_left(shm::Segment& forebears) noexcept;

// True if a file can be made where `own` is: it cannot behind a chroot, in another mount namespace, or
// as a user who may not write there. Changes errno.
bool is_directory_reachable(const shm::Segment& own, const char* directory) noexcept;

}  // namespace notch::client
