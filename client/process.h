// The one state of a process: its segment and its columns, from the first definition to the end.
// Called by: abi.cc (the exported calls), registry, series_index, catalogue.
//
// Invariants
//   P1  What a fork does not wipe is append-only and published last, so a child forked in the
//       middle of another thread's registration sees the registry from before it.
//   P2  Nothing here uses the heap, throws, or changes errno. After seal(), nothing calls
//       the system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/include/notch/abi.h"
#include "client/parked.h"
#include "client/registry_lock.h"
#include "client/wiped.h"
#include "shm/layout.h"
#include "shm/segment_file.h"

namespace notch::client {

// Whether the caller may spend time on another try, where the last one failed.
enum class Attach { kFirst, kAgain };

// Attaches this process (or this forked child) if it is not, and if that can be. Signals wait for
// it: the add of a handler in between would find neither a column nor the lock. A process that had
// to count in private memory tries again at a later kAgain: after a second, then after two, four,
// at last every minute; and takes with it what it has counted. Called before the lock is taken.
// REQUIRES: prepare().
void attach(Attach attempt = Attach::kFirst) noexcept;

// The segment, attaching as attach() if a fork came behind that. Null if that cannot be.
// REQUIRES: the lock is held.
shm::Segment* attach_locked() noexcept;

// Whether a definition has somewhere to be: attached, as attach_locked(), or to be so later.
// REQUIRES: the lock is held.
bool may_define_locked() noexcept;

// Column 0, attaching first if need be; null if there is none.
std::byte* shared_column() noexcept;

// Where a handler counts whose own thread holds the lock: an offset of parked.h, or 0.
std::uint64_t park_observation(const ParkedBucket& bucket) noexcept;

// The environment's words, once. REQUIRES: the lock is held.
void read_settings_locked() noexcept;

// Makes sure that cells [0, cells) have memory. REQUIRES: the lock is held.
bool commit_cells_locked(std::uint64_t cells) noexcept;

// The preloaded library's, before its first definition: what is defined from here on waits in
// private memory for attach_with_columns(). The segment that this makes, and those of forked
// children, have room for just that, all of it with memory from the start, and columns for the
// first `ids`. False: there is no memory. REQUIRES: prepare().
bool postpone_birth(std::uint32_t ids) noexcept;
bool is_birth_postponed() noexcept;

// The preloaded library's: attach(), and the columns of the first ids with it, so that none is left
// to be given later.
void attach_with_columns(std::uint32_t ids) noexcept;

// The preloaded library's, once this process may have lost its directory: what inherited_segment.h
// says, if it has. As another user (kAskAsUser) it has not lost one that is open to all. No system
// call once it is left, or as another user of a directory that is known to be open. Changes errno.
enum class Reach { kAsk, kAskAsUser, kLost };
void leave_segment_to_children(Reach reach) noexcept;
// Whether every user may make files in this process's directory; looked at once. Changes errno.
bool is_directory_open_to_all() noexcept;

// The process begins: the library is loaded. libc's own __libc_single_threaded saves a fork its
// signal masks where it is known.
void begin(const char* libc_is_single_threaded = nullptr) noexcept;
// The process ends in order. What is counted after it still counts.
void end() noexcept;

}  // namespace notch::client
