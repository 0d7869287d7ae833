#include "client/registry_lock.h"

#include <pthread.h>
#include <sched.h>

#include "client/counting_mode.h"
#include "client/parked.h"
#include "client/process.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {

NoCancellation::NoCancellation() noexcept {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

NoCancellation::~NoCancellation() {
  pthread_setcancelstate(before_, nullptr);
}

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
  for (int spins = 0; !shm::take_lock(own->lock, self); ++spins) {  // [tag: registry-lock]
    if (wait == RegistryLock::Wait::kNot || shm::read_alone(own->lock) == self) return false;
    if (spins < 4096) {
      shm::pause();
    } else if (!sealed()) {
      sched_yield();
    }
  }
  return true;
}

// A handler may park an observation until the very moment the lock is free.
void release_registry_lock() noexcept {
  Wiped& own = *wiped();
  do {
    if (any_parked(own.parked)) settle_parked(own.parked);
    shm::publish(own.lock, std::uint64_t{0});  // [tag: registry-lock]
  } while (any_parked(own.parked) && take_registry_lock(RegistryLock::Wait::kNot));
}

}  // namespace notch::client
