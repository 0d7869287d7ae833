// The handlers of a fork: in the parent before it, in the parent and the child after it.
// Called by: process. The handlers run inside fork(); a bare clone runs none of them.
//
// Invariants
//   FK1  No child is forked while another thread makes the segment: it would inherit the descriptor,
//        or the mapping, and with either the parent's lock.
//   FK2  An operation that a signal handler's fork interrupted finds memory where the segment was,
//        kForksDeep forks deep.
//   FK3  A forking thread's signal mask is as it was when fork() returns, on both sides.
#pragma once

#include "shm/segment_file.h"

namespace notch::client {

// Registers the handlers. libc's own __libc_single_threaded saves a fork its signal masks where it
// is known. REQUIRES: once, when the library is loaded.
void watch_forks(const char* libc_is_single_threaded) noexcept;

// Notes the segment into which a child's operations may still hold addresses: the attached one, and in
// a child its parent's. REQUIRES: the registry's lock is held.
void remember_segment(const shm::Segment& segment) noexcept;

// Called once a child that inherited its parent's segment has one of its own (IS3 of
// inherited_segment.h): puts private memory in the mapping's place, as every other child has it (FK2).
// It does so in one step, because an address that is free for a moment could become another thread's
// memory.
// REQUIRES: the registry's lock is held.
void give_back_inherited() noexcept;

// A child that attaches for the first time is not forking. REQUIRES: the registry's lock is held.
void forget_forks() noexcept;

}  // namespace notch::client
