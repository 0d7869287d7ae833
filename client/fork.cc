#include "client/fork.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <cstddef>

#include "client/counting_mode.h"
#include "client/registry_lock.h"
#include "client/seal.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

// How many forks deep an operation may be that goes on in a child, and finds its memory.
constexpr std::size_t kForksDeep = 2;

// Kept across a fork.
struct Forks {
  // Under the lock.
  bool births_wait = false;                // a thread is forking
  const shm::Segment* current = nullptr;   // the last one attached, or a parent's
  shm::Reservation forebears[kForksDeep];  // where those of the forebears were, the nearest first

  sigset_t mask_before_fork{};  // of the thread that is forking

  const char* libc_is_single_threaded = nullptr;  // written when the library is loaded
};

constinit Forks state;

// Certainly; false if libc does not tell. Relaxed: what a thread that is alone reads was its own.
bool is_single_threaded() noexcept {
  return state.libc_is_single_threaded != nullptr &&
         shm::read_alone(*state.libc_is_single_threaded) != 0;
}

// A child must not be forked while another thread makes the segment: it would inherit the
// descriptor, or the mapping before it is MADV_DONTFORK, and with either the parent's lock. Signals
// wait too, as in attach(). Where there is no other thread neither need wait, since attach() itself
// lets no signal handler fork.
void before_fork() noexcept {
  if (may_not_attach() || !prepare()) return;  // no lock yet, and none without memory
  if (is_single_threaded()) return;
  const shm::Segment* const segment = attached_segment();
  if (segment != nullptr && segment->attached) return;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (!take_registry_lock(RegistryLock::Wait::kForIt)) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return;
  }
  state.births_wait = true;
  state.mask_before_fork = before;
}

// On both sides of the fork. The child's lock is wiped, and so is free.
void end_wait_of_births() noexcept {
  if (wiped() == nullptr || !state.births_wait) return;
  const std::uint64_t holder = shm::read_alone(wiped()->lock);
  if (holder != 0 && holder != thread_pointer()) return;  // another thread is forking
  state.births_wait = false;
  const sigset_t mask = state.mask_before_fork;
  if (holder != 0) release_registry_lock();
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

// All of it has memory, as the preloaded library's has from the start: then the child, which is
// likely on its way to exec, makes one system call.
bool is_all_in_use(const shm::Segment& segment) noexcept {
  if (segment.catalogue_committed != segment.catalogue_capacity ||
      segment.cells_committed != segment.cell_capacity) {
    return false;
  }
  for (std::uint32_t column = 0; column < segment.column_capacity; ++column) {
    if (!shm::column_in_use(segment, column)) return false;
  }
  return true;
}

// Where the parent could write in its segment, the child can; the rest stays address space.
bool make_writable_as(const shm::Segment& parents, shm::Reservation& memory) noexcept {
  const auto commit = [&](std::uint64_t offset, std::uint64_t bytes) {
    return bytes == 0 || memory.commit(offset, bytes);
  };
  bool done = commit(0, parents.catalogue_offset + parents.catalogue_committed);
  const std::uint64_t column_bytes = parents.cells_committed * shm::kCellBytes;
  for (std::uint32_t column = 0; done && column < parents.column_capacity; ++column) {
    if (shm::column_in_use(parents, column))
      done = commit(parents.values_offset + column * parents.column_stride, column_bytes);
  }
  return done;
}

// A child may go on with an operation that its parent's thread had begun when a signal handler
// forked: it still holds an address in the segment, which the child does not have. Give it memory
// to hit. What older forebears left goes back: in a line of children that fork, each would have the
// address space of all.
void keep_memory_of(const shm::Segment& parents) noexcept {
  shm::Reservation memory = parents.memory;
  if (memory.base() == nullptr || memory.base() == state.forebears[0].base()) return;
  if (parents.attached) {
    const bool whole = is_all_in_use(parents);
    if (!memory.reserve_at(memory.base(), memory.bytes(), whole)) return;
    if (!whole && !make_writable_as(parents, memory)) return memory.release();
  }
  state.forebears[kForksDeep - 1].release();
  for (std::size_t i = kForksDeep - 1; i > 0; --i) state.forebears[i] = state.forebears[i - 1];
  state.forebears[0] = memory;
}

void after_fork_in_child() noexcept {
  const NoCancellation whole;
  const int saved_errno = errno;
  end_wait_of_births();
  if (!may_not_attach() && state.current != nullptr) keep_memory_of(*state.current);
  errno = saved_errno;
}

}  // namespace

void watch_forks(const char* libc_is_single_threaded) noexcept {
  state.libc_is_single_threaded = libc_is_single_threaded;
  pthread_atfork(before_fork, end_wait_of_births, after_fork_in_child);
}

void remember_segment(const shm::Segment& segment) noexcept {
  state.current = &segment;
}

void forget_forks() noexcept {
  state.births_wait = false;
}

}  // namespace notch::client
