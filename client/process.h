// The one state of a process: its segment and its columns, from the first definition to the end.
// Called by: abi.cc (the exported calls), registry, series_index; the preloaded library.
//
// Invariants
//   PRO1  Memory that a fork does not wipe is append-only and published last, so a child forked in the
//         middle of another thread's registration sees the registry from before it.
//   PRO2  Nothing here uses the heap, throws, or changes errno. After seal(), nothing calls
//         the system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/segment_file.h"

namespace notch::client {

// kAgain: the caller may spend time on another try if the last one failed.
enum class Attach { kFirst, kAgain };

// Attaches this process (or this forked child) if it is not attached and if that is possible. Signals
// are held back meanwhile: an add in a handler would find neither a column nor the lock. A process that
// had to count in private memory tries again at a later kAgain: after a second, then after two, four,
// at last every minute, and brings its counts along. Call it before taking the lock.
// REQUIRES: prepare().
void attach(Attach attempt = Attach::kFirst) noexcept;

// The segment, attaching as attach() does if a fork came in between. Null if that is not possible.
// REQUIRES: the lock is held.
shm::Segment* attach_locked() noexcept;

// True if there is a place for a definition: attached as by attach_locked(), or to be attached later.
// REQUIRES: the lock is held.
bool may_define_locked() noexcept;

// Column 0, attaching first if need be; null if there is none.
std::byte* shared_column() noexcept;

// The environment's words, once. REQUIRES: the lock is held.
void read_settings_locked() noexcept;

// For the preloaded library, before its first definition. Definitions from here on wait in private
// memory for attach_with_columns(). The segment that that call makes, and those of forked children,
// have room for exactly these definitions, with memory from the start, and columns for the first
// `ids`. False: there is no memory. REQUIRES: prepare().
bool postpone_birth(std::uint32_t ids) noexcept;

// For the preloaded library: attaches, and gives the first ids their columns at once, so that none is
// given later.
void attach_with_columns(std::uint32_t ids) noexcept;

// For the preloaded library, once this process may have lost its directory: if it has, leaves the
// segment to its children (inherited_segment.h). A process that became another user (kAskAsUser) has
// not lost a directory that is open to all. Makes no system call if the segment is left already, or
// if the user changed and the directory is known to be open. Changes errno.
enum class Reach { kAsk, kAskAsUser, kLost };
void leave_segment_to_children(Reach reach) noexcept;
// True if every user may make files in this process's directory; looked up once. Changes errno.
bool is_directory_open_to_all() noexcept;

// The process begins: the library is loaded. libc's own __libc_single_threaded saves a fork its
// signal masks where it is known.
void begin(const char* libc_is_single_threaded = nullptr) noexcept;
// The process ends in order. Adds after this still count.
void end() noexcept;

}  // namespace notch::client
