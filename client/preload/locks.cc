// The locks module: waits for mutexes and read-write locks that another thread held.
// Called by: the program, in libc's place.
//
// A lock is tried first, and what the try says goes to the program, whatever it is: it has the
// lock, or has it from a dead owner, or may not have it. Only EBUSY means that the real call comes,
// and only then is a clock looked at: a free lock costs the try, which is what the lock costs.
//
// Where a try and a lock differ, no lock is tried:
//   a mutex with a priority ceiling   a try that fails makes two system calls
//   a clock or time that is no such   the lock refuses it, and a try would not
//   a read-write lock of old glibcs   a try that fails can stall other threads (rwlock_tries.h)
// Nor where nobody else could hold it, and a lock is cheaper than a try: a mutex of a process that
// has one thread, and does not share it with another process.
#include <errno.h>
#include <time.h>

#include "client/preload/clock.h"
#include "client/preload/lock_figures.h"
#include "client/preload/wrapper.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

// In a mutex's kind: part of glibc's ABI, though no header says it.
constexpr int kHasCeiling = 64;
constexpr int kIsShared = 128;

bool is_to_be_tried(const pthread_mutex_t* mutex) noexcept {
  // Relaxed: glibc sets these bits when the mutex is made, and the word when a thread is.
  const int kind = shm::read_alone(mutex->__data.__kind);
  const bool is_alone = shm::read_alone(*is_single_threaded) != 0;
  return (kind & kHasCeiling) == 0 && (!is_alone || (kind & kIsShared) != 0);
}

bool is_clock(clockid_t clock) noexcept {
  return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

bool is_time(const timespec* time) noexcept {
  return time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000;
}

// Whether the real call waited at all: what refuses a lock refuses it at once.
bool is_wait(int result) noexcept {
  return result != EDEADLK && result != EINVAL && result != EAGAIN;
}

// The real call of a lock that another holds. Out of line, so that the usual way saves no register
// for it.
template <class Real, class... Arguments>
[[gnu::noinline, gnu::cold]] int wait_for(Lock lock, Real real, Arguments... arguments) {
  const Moment start = now();
  const int result = real(arguments...);
  if (!is_wait(result)) return result;
  LockFigures& figures = lock_figures[static_cast<std::size_t>(lock)];
  const double seconds = seconds_since(start);
  figures.waits.add();
  if (seconds >= 0) figures.duration.observe(seconds);
  return result;
}

// Neither lock nor timedlock looks at the time before it has to wait.
template <class Real, class... Rest>
int lock_mutex(Real real, pthread_mutex_t* mutex, Rest... rest) {
  if (!is_to_be_tried(mutex)) return real(mutex, rest...);
  const int tried = lock_tries.mutex(mutex);
  if (tried != EBUSY) [[likely]]
    return tried;
  return wait_for(Lock::kMutex, real, mutex, rest...);
}

template <class Real>
int lock_mutex_by_clock(Real real, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  if (!is_clock(clock)) return real(mutex, clock, until);
  return lock_mutex(real, mutex, clock, until);
}

template <class Real, class... Rest>
int lock_to_read(Real real, pthread_rwlock_t* lock, Rest... rest) {
  if (lock_tries.to_read == nullptr) return real(lock, rest...);
  const int tried = lock_tries.to_read(lock);
  if (tried != EBUSY) [[likely]]
    return tried;
  return wait_for(Lock::kRead, real, lock, rest...);
}

template <class Real, class... Rest>
int lock_to_write(Real real, pthread_rwlock_t* lock, Rest... rest) {
  if (lock_tries.to_write == nullptr) return real(lock, rest...);
  const int tried = lock_tries.to_write(lock);
  if (tried != EBUSY) [[likely]]
    return tried;
  return wait_for(Lock::kWrite, real, lock, rest...);
}

template <class Real>
int lock_to_read_until(Real real, pthread_rwlock_t* lock, const timespec* until) {
  return is_time(until) ? lock_to_read(real, lock, until) : real(lock, until);
}

template <class Real>
int lock_to_write_until(Real real, pthread_rwlock_t* lock, const timespec* until) {
  return is_time(until) ? lock_to_write(real, lock, until) : real(lock, until);
}

template <class Real>
int lock_to_read_by_clock(Real real, pthread_rwlock_t* lock, clockid_t clock,
                          const timespec* until) {
  if (!is_clock(clock) || !is_time(until)) return real(lock, clock, until);
  return lock_to_read(real, lock, clock, until);
}

template <class Real>
int lock_to_write_by_clock(Real real, pthread_rwlock_t* lock, clockid_t clock,
                           const timespec* until) {
  if (!is_clock(clock) || !is_time(until)) return real(lock, clock, until);
  return lock_to_write(real, lock, clock, until);
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/locks_wrappers.def"
