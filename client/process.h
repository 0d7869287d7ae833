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
//   P5  There is no private memory before the first definition, or the first add through a null
//       handle; and no segment without private memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/include/notch/abi.h"
#include "client/parked.h"
#include "shm/layout.h"
#include "shm/segment_file.h"

namespace notch::client {

// Zero after a fork.
struct Wiped {
  void* columns[NOTCH_SHARED_COLUMN + 1];
  std::uint64_t lock;                            // the holder's thread pointer, 0: free
  std::uint64_t early_drops[shm::kDropReasons];  // of the time before a segment
  shm::Segment* segment;                         // null: not tried, or no memory at all
  std::uint32_t failed;                          // 1: tried, and there was no memory at all
  Parked parked;                                 // under the lock
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

// Makes the private memory if there is none; false if there can be none, and until a later call
// has more luck nothing is counted. Async-signal-safe.
bool prepare() noexcept;

// Whether the caller may spend time on another try, where the last one failed.
enum class Attach { kFirst, kAgain };

// Attaches this process (or this forked child) if it is not, and if that can be. Signals wait for
// it: the add of a handler in between would find neither a column nor the lock. A process that had
// to count in private memory tries again at a later kAgain: after a second, then after two, four,
// and so on; and takes with it what it has counted. Called before the lock is taken.
// REQUIRES: prepare().
void attach(Attach attempt = Attach::kFirst) noexcept;

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

// Where a handler counts whose own thread holds the lock: an offset of parked.h, or 0.
std::uint64_t park_observation(const ParkedBucket& bucket) noexcept;

// The environment's words, once. REQUIRES: the lock is held.
void read_settings_locked() noexcept;

// Counts something not taken. Async-signal-safe.
void drop(shm::DropReason reason, std::uint64_t count = 1) noexcept;
std::uint64_t dropped() noexcept;

// Makes sure that cells [0, cells) have memory. REQUIRES: the lock is held.
bool commit_cells_locked(std::uint64_t cells) noexcept;

bool sealed() noexcept;
void seal() noexcept;

// NOTCH_DEBUG is set.
bool debugging() noexcept;

// Writes a line to standard error if NOTCH_DEBUG is set. Parts are joined.
void debug_line(const char* a, const char* b = "", const char* c = "", const char* d = "") noexcept;

}  // namespace notch::client
