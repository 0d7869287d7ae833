#include "client/preload/lock_figures.h"

#include "client/preload/definitions.h"
#include "client/preload/next_symbol.h"
#include "client/preload/rwlock_tries.h"

namespace notch::preload {

LockFigures lock_figures[kLockKinds];
LockTries lock_tries;

namespace {

constexpr char kNotKnown = 0;

}  // namespace

const char* is_single_threaded = &kNotKnown;

namespace {

constexpr std::string_view kLockWords[kLockKinds] = {"mutex", "rwlock_read", "rwlock_write"};

// From a lock that was let go at once to a program that stands still, four to a bound.
constexpr double kWaitBounds[] = {1e-6,     4e-6,      16e-6, 64e-6, 256e-6, 1.024e-3,
                                  4.096e-3, 16.384e-3, 0.065, 0.26,  1,      4};

// Asked of libc, if it is one that says so.
const char* libc_version() noexcept {
  void* const ask = find_any_symbol("gnu_get_libc_version");
  return ask == nullptr ? nullptr : reinterpret_cast<const char* (*)()>(ask)();
}

bool find_lock_tries() noexcept {
  constexpr char kNames[] =
      "pthread_mutex_trylock\0pthread_rwlock_tryrdlock\0pthread_rwlock_trywrlock";
  void* found[kLockKinds] = {};
  find_next_symbols(kNames, kLockKinds, found);
  for (const void* const function : found) {
    if (function == nullptr) return false;
  }
  lock_tries.mutex = reinterpret_cast<int (*)(pthread_mutex_t*)>(found[0]);
  if (!may_try_rwlocks(libc_version())) return true;
  lock_tries.to_read = reinterpret_cast<int (*)(pthread_rwlock_t*)>(found[1]);
  lock_tries.to_write = reinterpret_cast<int (*)(pthread_rwlock_t*)>(found[2]);
  return true;
}

}  // namespace

bool define_lock_figures() noexcept {
  if (!find_lock_tries()) return false;
  const void* const word = find_any_symbol("__libc_single_threaded");
  if (word != nullptr) is_single_threaded = static_cast<const char*>(word);
  const Family waits =
      define_counter("libc_lock_waits_total", "Locks that were held when a thread asked for them.",
                     "", {"lock"}, 1);
  const Family durations =
      define_histogram("libc_lock_wait_seconds",
                       "How long threads waited for such a lock, to have it or to give up.",
                       "seconds", {"lock"}, kWaitBounds, 0, 1);
  for (std::size_t i = 0; i < kLockKinds; ++i) {
    lock_figures[i].waits = Counter(waits.with({kLockWords[i]}));
    lock_figures[i].duration = Histogram(durations.with({kLockWords[i]}));
  }
  return true;
}

}  // namespace notch::preload
