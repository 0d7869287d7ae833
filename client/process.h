// The one state of a process: its segment, its columns, its lock; what a fork wipes and what it
// keeps. Called by: abi.cc (the exported calls), registry, series_index, catalogue.
//
// Invariants
//   P1  Wiped is MADV_WIPEONFORK memory: a forked child, raw clone included, finds it all zero,
//       so no column, no lock held, not attached. Everything else is inherited as it was.
//   P2  Whatever is inherited is append-only and published last, so a child forked in the middle of
//       another thread's registration sees the registry from before it.
//   P3  Nothing here uses the heap, throws, or changes errno. After seal(), nothing calls
//       the system.
//   P4  columns[id] is null or a column with memory for every cell handed out.
//   P5  The segment is only touched while `attached` is set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/include/notch/abi.h"
#include "shm/layout.h"
#include "shm/segment_file.h"

namespace notch::client {

// Counts of a child that has no segment yet and may never need one, by cell.
inline constexpr std::uint64_t kPostponedCells = 512;
struct Postponed {
  std::uint64_t integers[kPostponedCells];
  std::uint64_t reals[kPostponedCells];  // the bits of doubles
};

// Zero after a fork.
struct Wiped {
  void* columns[NOTCH_SHARED_COLUMN + 1];
  std::uint64_t lock;                            // the holder's thread pointer, 0: free
  std::uint64_t early_drops[shm::kDropReasons];  // of the time before a segment
  std::uint32_t attached;                        // 1: yes; 2: tried, and there is no memory at all
  Postponed postponed;                           // the preloaded library's alone
};

// Puts a cancellation of the thread off: open() and close() are cancellation points, and a thread
// that ended there would hold the lock for ever. No system call.
class NoCancellation {
 public:
  NoCancellation() noexcept;
  ~NoCancellation();
  NoCancellation(const NoCancellation&) = delete;
  NoCancellation& operator=(const NoCancellation&) = delete;

 private:
  int before_ = 0;
};

// Held while the registry or the segment changes. Not got when this very thread holds it already,
// below us on the stack: we are in a signal handler then, and must not wait.
class RegistryLock {
 public:
  enum class Wait { kForIt, kNot };

  explicit RegistryLock(Wait wait = Wait::kForIt) noexcept;
  ~RegistryLock();
  RegistryLock(const RegistryLock&) = delete;
  RegistryLock& operator=(const RegistryLock&) = delete;
  explicit operator bool() const noexcept { return held_; }

 private:
  NoCancellation until_released_;
  bool held_;
};

// Makes the private memory, once; false if there is none, and then nothing is ever counted.
bool prepare() noexcept;

// Attaches this process (or this forked child) if it is not, and if that can be. Signals wait for
// it: the add of a handler in between would find neither a column nor the lock. Called before the
// lock is taken.
void attach() noexcept;

// The segment, attaching as attach() if a fork came behind that. Null if that cannot be.
// REQUIRES: the lock is held.
shm::Segment* attach_locked() noexcept;

// The segment if this process is attached, else null. Does not attach.
shm::Segment* attached_segment() noexcept;

// Column 0, attaching first if need be; null if there is none.
std::byte* shared_column() noexcept;

// Gives the running thread's concurrency id a column of its own, if it can have one and the lock is
// free: an add does not wait, its next one may have more luck.
void adopt_column() noexcept;

// Clears the thread's rseq_cs, which points into the code of an add that was given up: that code
// may be unloaded before the kernel looks (C4 of cell.h).
void leave_section() noexcept;

// The environment's words, once. REQUIRES: the lock is held.
void read_settings_locked() noexcept;

// Counts something not taken. Async-signal-safe.
void drop(shm::DropReason reason, std::uint64_t count = 1) noexcept;
std::uint64_t dropped() noexcept;

// Makes sure that cells [0, cells) have memory. REQUIRES: the lock is held.
bool commit_cells_locked(std::uint64_t cells) noexcept;

// The preloaded library's: attach(), and the columns of the first concurrency ids with it, so that
// none is left to be given later.
void attach_with_columns(std::uint32_t ids) noexcept;

// From here on nothing grows by a system call; a forked child still gets a segment.
void close_growth() noexcept;
// From here on no system call at all, in forked children neither.
void seal() noexcept;
// Whether either was called.
bool sealed() noexcept;

// REQUIRES: prepared.
Postponed& postponed() noexcept;
bool is_prepared() noexcept;

// The process ends in order. What is counted after it still counts.
void end() noexcept;

bool counts_by_rseq() noexcept;

// Writes a line to standard error if NOTCH_DEBUG is set. Parts are joined.
void debug_line(const char* a, const char* b = "", const char* c = "", const char* d = "") noexcept;

}  // namespace notch::client
