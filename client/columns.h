// The columns of this process: the ids that have one, and the moment from which adds find it.
// Called by: process under the lock; abi.cc for an add that found none.
//
// Invariants
//   CL1  columns[id] is null or a column with memory for every cell handed out.
//   CL2  A column is there before its pointer is; a pointer, once stored, stays until
//        take_columns().
//   CL3  An id without a column counts in column 0: exactly, but with a locked instruction. Such are ids
//        at or past the segment's capacity, ids whose column finds no memory, and all ids that are new
//        after close_growth() or seal().
//   CL4  A pointer is stored only by the process whose column it is. A child that a signal handler forks
//        in the middle of a column's birth goes on here, and stores none.
#pragma once

#include <cstdint>

#include "shm/segment_file.h"

namespace notch::client {

// From here on adds find their columns: column 0, and that of the running thread's id.
// REQUIRES: the registry's lock is held.
void publish_columns(shm::Segment& segment) noexcept;

// From here on adds wait for the registry's lock. REQUIRES: it is held.
void take_columns(const shm::Segment& old) noexcept;

// Gives ids [0, ids) their columns, as far as there is memory. REQUIRES: the registry's lock is
// held.
void commit_columns(std::uint32_t ids, shm::Segment& segment) noexcept;

// Gives the running thread's id a column of its own, if it can have one and the lock is free. An add
// does not wait for the lock: the next add tries again.
void adopt_column() noexcept;

}  // namespace notch::client
