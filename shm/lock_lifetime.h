// Finds out how long a file's lock lives on the file system of a directory. The agent knows a dead
// process by its segment's free lock, and a process closes the segment's descriptor at once: where a
// mapping alone does not keep the lock, the agent would take every living process for dead. Overlayfs is such a file system: the mapping holds the lower file, and the lock
// belongs to the file above it.
// Called by: segment_file, default_directory, the agent's segment_directory.
//
// Invariants
//   LL1  Async-signal-safe: no heap, no lock, no stdio.
//   LL2  A kill in the middle leaves an empty file with the name of a half-born segment and a free
//        lock, which the agent removes.
#pragma once

#include <cstdint>

namespace notch::shm {

enum class LockLifetime : std::uint8_t {
  kMapping,     // as long as the mapping: what a segment needs
  kDescriptor,  // until the descriptor is closed, or for ever
  kUnknown,     // a file cannot be made, locked or mapped there: errno says why
};

// By the type of the file system if that is known, else by a trial with a file that is removed
// again. Cost: one system call, or about twelve for a trial. REQUIRES: descriptors 0 to 2 are taken.
LockLifetime lock_lifetime(int directory_fd) noexcept;

// The same, always by a trial.
LockLifetime try_lock_lifetime(int directory_fd) noexcept;

// The text for a result that is not kMapping: a whole clause without a full stop.
const char* lock_lifetime_fault(LockLifetime lifetime) noexcept;

}  // namespace notch::shm
