#include "client/registry_lock.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#include "client/counting_mode.h"
#include "client/seal.h"
#include "client/wiped.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

constexpr std::uint32_t kSpins = 4096;
constexpr std::uint32_t kYields = 64;
constexpr long kSleepNs = 100'000;

// Written and read under the lock. A forked child inherits it with the tables that it works on.
constinit Settle settle_parked = nullptr;

// The pauses of a sealed process, which may only spin: about a sixth of a second of the thread's own
// time where a pause takes 40 ns, which is many turns of a scheduler.
constexpr std::uint32_t kMostSpins = 1U << 22;

// The holder may be a thread of lower priority that waits for this very processor (SCHED_FIFO): it
// runs when this thread sleeps, not when it yields. False if this thread has waited long enough and may
// not sleep. It uses syscall(), because libc's nanosleep() is a cancellation point.
bool let_holder_run(std::uint32_t tries) noexcept {
  if (tries < kSpins || sealed()) {
    shm::pause();
    return tries < kMostSpins;
  }
  const shm::KeepErrno keep;
  const timespec while_it_runs{0, kSleepNs};
  if (tries < kSpins + kYields) {
    sched_yield();
  } else {
    syscall(SYS_nanosleep, &while_it_runs, nullptr);
  }
  return true;
}

}  // namespace

NoSignals::NoSignals() noexcept {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

NoSignals::~NoSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

RegistryLock::RegistryLock(Wait wait) noexcept : held_(take_registry_lock(wait)) {}

RegistryLock::~RegistryLock() {
  if (held_) release_registry_lock();
}

bool take_registry_lock(RegistryLock::Wait wait) noexcept {
  Wiped* const own = wiped();
  if (own == nullptr) return false;
  const std::uint64_t self = thread_pointer();
  std::uint32_t tries = 0;
  while (!shm::take_lock(own->lock, self)) {  // [tag: registry-lock]
    if (wait == RegistryLock::Wait::kNot || shm::read_alone(own->lock) == self) return false;
    if (!let_holder_run(tries++)) return false;
  }
  return true;
}

void settle_before_release(Settle settle) noexcept {
  settle_parked = settle;
}

// A handler may park an observation until the very moment the lock is free.
void release_registry_lock() noexcept {
  Wiped& own = *wiped();
  do {
    if (any_parked(own.parked)) settle_parked(own.parked);
    // [tag: registry-lock] Publishes all that was written under the lock; else its next holder
    // could go on from a part of it.
    shm::publish(own.lock, std::uint64_t{0});
  } while (any_parked(own.parked) && take_registry_lock(RegistryLock::Wait::kNot));
}

}  // namespace notch::client
