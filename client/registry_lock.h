// The lock of the registry and the segment. While it is held, cancellation and signals wait.
// Called by: process, abi.cc, registry, series_index; preload/handover.cc.
//
// Invariants
//   RL1  A forked child finds the lock free: its word is in wiped memory.
//   RL2  Nothing that a handler parked is left when the lock is free.
//   RL3  Waiting ends, whatever the priorities: a thread that waits long sleeps, so that a holder of lower
//        priority can run. In a sealed process no thread may sleep: after spinning for about a sixth of a
//        second of its own time a thread goes on without the lock, as one that holds it already.
#pragma once

#include <pthread.h>
#include <signal.h>

#include "client/parked.h"

namespace notch::client {

// Defers the thread's cancellation: open() and close() are cancellation points, and a thread that ended
// there would hold the lock for ever. No system call.
class NoCancellation {
 public:
  NoCancellation() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~NoCancellation() { pthread_setcancelstate(before_, nullptr); }
  NoCancellation(const NoCancellation&) = delete;
  NoCancellation& operator=(const NoCancellation&) = delete;

 private:
  int before_ = 0;
};

// Signals wait while this lives.
class NoSignals {
 public:
  NoSignals() noexcept;
  ~NoSignals();
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

// Held while the registry or the segment changes. It is not got if this very thread holds it already,
// in a frame below: then this is a signal handler, which must not wait. Nor is it got after RL3.
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

// The same without a scope, for a lock that is held across a fork.
bool take_registry_lock(RegistryLock::Wait wait) noexcept;
void release_registry_lock() noexcept;

// What moves the counts that are parked, for RL2. Given before there is anything to park for.
// REQUIRES: the lock is held.
using Settle = void (*)(Parked& parked) noexcept;
void settle_before_release(Settle settle) noexcept;

}  // namespace notch::client
