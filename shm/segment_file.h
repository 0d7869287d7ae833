// The writer's side of a segment file: its birth, its growth, its end.
// Called by: client/process, at the first definition, after a fork, and when memory runs out.
//
// The birth, in order; what a kill in between leaves is in FORMAT.md:
//   nameless file -> shared flock -> size -> memory -> map -> header, magic last -> name -> close
//
// Invariants
//   SG1  A named segment is whole and its lock is held, for as long as the mapping lives.
//   SG2  No descriptor stays open. No part of the mapping is inherited by fork or seen in a
//        core dump.
//   SG3  Async-signal-safe throughout: no heap, no locks, no stdio; a forked child calls this.
//   SG4  errno is as it was before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/layout.h"
#include "shm/reservation.h"

namespace notch::shm {

// The plan of a segment. Sizes are upper bounds of address space, not of memory.
struct SegmentPlan {
  const char* directory = nullptr;  // null: private memory that nobody reads
  bool is_default = false;          // nobody named it: default_directory's rule holds
  const char* service = "";
  const std::uint8_t* lineage_key = nullptr;  // kLineageKeyBytes; null: none
  CountingMode mode = CountingMode::kAtomic;
  std::uint32_t columns = 1;
  std::uint64_t cells = 0;
  std::uint64_t catalogue_bytes = 0;
  std::uint64_t committed_cells = 0;    // with memory from the start, in the first columns, and
  std::uint32_t committed_columns = 1;  // (at least one)
  std::uint32_t own_column = 0;  // in one more if there is memory, below `columns`; 0: in none
  std::uint64_t committed_catalogue_bytes = 0;
  bool opens_nothing = false;  // growth has no descriptor, not for a moment
};

// A segment that was made, or why it was not: where its parts are, and how the birth went.
struct Segment {
  Reservation memory;
  std::uint64_t catalogue_offset = 0;
  std::uint64_t catalogue_capacity = 0;
  std::uint64_t catalogue_committed = 0;
  std::uint64_t values_offset = 0;
  std::uint64_t column_stride = 0;
  std::uint64_t cell_capacity = 0;
  std::uint64_t cells_committed = 0;
  std::uint32_t column_capacity = 0;
  std::uint64_t columns_in_use[kColumnBitmapWords] = {};  // as in the header, which no child has
  std::uint32_t own_column = 0;  // the plan's, if it had memory from the start; else 0
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint32_t owner_uid = 0;  // the file's; 0 of private memory
  int birth_fd = -1;            // the descriptor it was made through; a fork amid that inherits it
  bool attached = false;        // false: private memory
  bool on_disk = false;         // the directory is not on tmpfs: a store may block on write-back
  bool opens_nothing = false;   // the plan's
  bool has_share = false;  // its file system is small: the directory has a share (directory_room)
  int system_errno = 0;    // why not attached
  const char* refusal = nullptr;  // the same in words, where errno says too little
  char path[256] = {};

  SegmentHeader& header() const noexcept {
    return *reinterpret_cast<SegmentHeader*>(memory.base());
  }
  std::byte* column(std::uint32_t index) const noexcept {
    return memory.base() + values_offset + index * column_stride;
  }
};

// Makes a segment by the plan; if that fails and address space is the reason, with fewer cells.
// Returns false, with system_errno set and nothing left behind, if there can be none.
bool create_segment(const SegmentPlan& plan, Segment& segment) noexcept;

// The same in private memory, for a process that cannot have a file. False only without any memory.
bool create_private_segment(const SegmentPlan& plan, Segment& segment) noexcept;

// Gives column `index` memory for the cells that are committed, and makes it count. False if there
// is none.
bool commit_column(Segment& segment, std::uint32_t index) noexcept;

// True if the column has memory and counts.
bool column_in_use(const Segment& segment, std::uint32_t column) noexcept;

// Gives cells [0, cells) memory in every column in use. False, and no cell more than before, if
// there is none.
bool commit_cells(Segment& segment, std::uint64_t cells) noexcept;

bool commit_catalogue(Segment& segment, std::uint64_t bytes) noexcept;

// Takes a segment back that counts nothing yet. REQUIRES: no column of it was ever published.
void discard_segment(Segment& segment) noexcept;

// Says that the process ended in order. The mapping stays: late adds still count.
void close_segment(Segment& segment) noexcept;

}  // namespace notch::shm
