// The metrics of waits for locks, and the calls that try a lock.
// Called by: locks.cc, which counts; life.cc, which has them defined.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>

#include "notch/counter.h"
#include "notch/histogram.h"

namespace notch::preload {

// The values of the label "lock".
enum class Lock : std::uint8_t { kMutex, kRead, kWrite };
inline constexpr std::size_t kLockKinds = 3;

struct LockFigures {
  Counter waits;
  Histogram duration;  // of the waits that could be timed
};

// The real functions that take a lock or say EBUSY. Not in the table: they are not wrapped. Those of
// read-write locks are null where a try is not to be made for a program (rwlock_tries.h).
struct LockTries {
  int (*mutex)(pthread_mutex_t* mutex);
  int (*to_read)(pthread_rwlock_t* lock);
  int (*to_write)(pthread_rwlock_t* lock);
};

extern LockFigures lock_figures[kLockKinds];
extern LockTries lock_tries;

// Libc's own word for it (from 2.32 on); else one that is always 0.
extern const char* is_single_threaded;

// False: there are no such functions, as in a program without threads before glibc 2.34.
bool define_lock_figures() noexcept;

}  // namespace notch::preload
