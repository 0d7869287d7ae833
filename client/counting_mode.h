// Finds out whether this process counts by restartable sequences, and by which of a thread's ids.
// Called by: process, abi.cc.
//
// Invariants
//   CM1  The mode is found once, when the library is loaded or first used, before there is a column.
//   CM2  Until then, and where there is no rseq, an add's section writes its rseq_cs to memory that nobody
//        uses, and finds no column.
//   CM3  Ids are concurrency ids (mm_cid) where the kernel keeps them: these are few, however many
//        processors a process moves over. Elsewhere they are processor numbers (cpu_id).
#pragma once

#include <cstdint>

#include "client/include/notch/abi.h"
#include "shm/layout.h"

namespace notch::client {

// Written by find_counting_mode() alone.
inline constinit shm::CountingMode counting_mode = shm::CountingMode::kAtomic;

inline bool counts_by_rseq() noexcept {
  return counting_mode != shm::CountingMode::kAtomic;
}

inline bool counts_by_cpu() noexcept {
  return counting_mode == shm::CountingMode::kRseqByCpu;
}

// Makes no system call, and may be called again.
void find_counting_mode() noexcept;

// A name for the running thread: no other thread has this address while it runs.
std::uintptr_t thread_pointer() noexcept;

// The id by which the running thread has its column, or -1 if the kernel keeps none for it.
std::int32_t column_id() noexcept;

// The number of columns that a new segment needs: column 0, and one for each possible id. A processor
// that the process may use only later counts in column 0.
std::uint32_t wanted_columns() noexcept;

// Clears the thread's rseq_cs, which points into the code of an add that was given up: that code
// may be unloaded before the kernel looks (CE4 of cell.h).
void leave_section() noexcept;

}  // namespace notch::client
