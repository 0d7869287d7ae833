// How far the process is closed to Notch's system calls. It is never opened again.
// Called by: process, fork, columns, the tables and the log before they grow; abi.cc and the
// preloaded library, which close it.
//
// Invariants
//   SA1  After seal() nothing of Notch calls the system, in this process and its forked children.
//   SA2  Inherited by a fork; any thread or handler may ask.
#pragma once

namespace notch::client {

// From here on the process has all its columns and tables; only room that was left for new series
// gets its memory, by pages as it is used (leave_room() of catalogue.h).
void close_growth() noexcept;
// From here on nothing grows by a system call; a forked child still gets a segment.
void stop_growth() noexcept;
// From here on Notch makes no system call at all, in this process and its forked children.
void seal() noexcept;

// True if any of the three was called.
bool sealed() noexcept;
// True if new series may get memory by a system call.
bool may_grow_by_pages() noexcept;
// True if seal() was called: then a process that has no segment gets none.
bool may_not_attach() noexcept;

}  // namespace notch::client
