#include "client/fork.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstddef>

#include "client/counting_mode.h"
#include "client/inherited_segment.h"
#include "client/registry_lock.h"
#include "client/seal.h"
#include "client/wiped.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

// An operation that goes on in a child finds its memory through this many forks.
constexpr std::size_t kForksDeep = 2;

// The part of a parent's or grandparent's segment that a child keeps.
struct Forebear {
  shm::Segment segment;    // where it was; if it was private memory, it is inherited
  std::uint32_t runs = 0;  // of an attached one: how many of its runs the child has mapped anew
};

// Kept across a fork.
struct Forks {
  // Under the lock.
  bool births_wait = false;               // a thread is forking
  const shm::Segment* current = nullptr;  // the last one attached, or a parent's
  Forebear forebears[kForksDeep];         // the nearest first

  sigset_t mask_before_fork{};  // of the thread that is forking

  const char* libc_is_single_threaded = nullptr;  // written when the library is loaded
};

constinit Forks state;

// True only if it is certain; false if libc does not tell. Relaxed: a thread that is alone reads its own
// writes.
bool is_single_threaded() noexcept {
  return state.libc_is_single_threaded != nullptr &&
         shm::read_alone(*state.libc_is_single_threaded) != 0;
}

// A child must not be forked while another thread makes the segment: it would inherit the
// descriptor, or the mapping before it is MADV_DONTFORK, and with either the parent's lock. Signals
// wait too, as in attach(). Where there is no other thread, neither births nor signals need wait:
// attach() itself lets no signal handler fork.
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

// Calls `visit` with each run of the segment in which an operation may be under way that a fork does
// not end, until `visit` returns false. Adjacent parts with memory are one run. In the preloaded
// library's segment the columns by id are no runs: only restartable sections add to them, and the
// kernel restarts those in the child (cell.h). So its children make one system call.
template <class Visit>
bool visit_runs(const shm::Segment& segment, Visit visit) noexcept {
  if (sealed()) {
    return visit(segment.memory.base(),
                 segment.values_offset + segment.cells_committed * shm::kCellBytes);
  }
  std::uint64_t start = 0;
  std::uint64_t end = segment.catalogue_offset + segment.catalogue_committed;
  for (std::uint32_t column = 0; column < segment.column_capacity; ++column) {
    if (!shm::column_in_use(segment, column)) continue;
    const std::uint64_t next = segment.values_offset + column * segment.column_stride;
    if (next != end) {
      if (!visit(segment.memory.base() + start, end - start)) return false;
      start = next;
    }
    end = next + segment.cells_committed * shm::kCellBytes;
  }
  return visit(segment.memory.base() + start, end - start);
}

void release(Forebear& forebear) noexcept {
  if (!forebear.segment.attached) forebear.segment.memory.release();
  std::uint32_t left = forebear.runs;
  visit_runs(forebear.segment, [&](std::byte* base, std::uint64_t bytes) {
    if (left == 0) return false;
    --left;
    shm::Reservation run;
    run.adopt(base, bytes, false);
    run.release();
    return true;
  });
  forebear = {};
}

// Gives back what older forebears left: otherwise, in a line of children that fork, each would have
// the memory of all before it.
Forebear& add_forebear(const shm::Segment& parents) noexcept {
  release(state.forebears[kForksDeep - 1]);
  for (std::size_t i = kForksDeep - 1; i > 0; --i) state.forebears[i] = state.forebears[i - 1];
  state.forebears[0] = {parents, 0};
  return state.forebears[0];
}

// A child may go on with an operation that its parent's thread had begun when a signal handler
// forked. The operation still holds an address in the segment, which the child does not have. This
// gives it memory at the addresses that the parent could write to.
void keep_memory_of(const shm::Segment& parents) noexcept {
  const std::byte* const base = parents.memory.base();
  if (base == nullptr || base == state.forebears[0].segment.memory.base()) return;
  if (is_left_to_children(parents)) return;
  Forebear& nearest = add_forebear(parents);
  if (!parents.attached) return;
  visit_runs(parents, [&](std::byte* at, std::uint64_t bytes) {
    shm::Reservation run;
    if (!run.map_at(at, bytes)) return false;
    ++nearest.runs;
    return true;
  });
}

void after_fork_in_child() noexcept {
  const NoCancellation whole;
  const shm::KeepErrno keep;
  end_wait_of_births();
  if (!may_not_attach() && state.current != nullptr) keep_memory_of(*state.current);
}

}  // namespace

void watch_forks(const char* libc_is_single_threaded) noexcept {
  state.libc_is_single_threaded = libc_is_single_threaded;
  pthread_atfork(before_fork, end_wait_of_births, after_fork_in_child);
}

void give_back_inherited() noexcept {
  shm::Segment parents;
  if (!take_left(parents)) return;
  Forebear& nearest = add_forebear(parents);
  std::byte* left = parents.memory.base();
  const std::byte* const end = left + parents.memory.bytes();
  const auto unmap_up_to = [&left](const std::byte* next) {
    if (next != left) munmap(left, static_cast<std::size_t>(next - left));
  };
  visit_runs(parents, [&](std::byte* at, std::uint64_t bytes) {
    shm::Reservation run;
    if (!run.map_over(at, bytes)) return false;
    unmap_up_to(at);
    left = at + bytes;
    ++nearest.runs;
    return true;
  });
  unmap_up_to(end);
}

void remember_segment(const shm::Segment& segment) noexcept {
  state.current = &segment;
}

void forget_forks() noexcept {
  state.births_wait = false;
}

}  // namespace notch::client
