#include "client/process.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "client/catalogue.h"
#include "client/counting_mode.h"
#include "client/include/notch/abi.h"
#include "client/late_attach.h"
#include "client/private_memory.h"
#include "client/registry.h"
#include "client/series_index.h"
#include "client/settings.h"
#include "shm/injection_point.h"
#include "shm/memory_order.h"
#include "shm/process_identity.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kCommittedCells = 512;
constexpr std::uint64_t kCommittedCatalogueBytes = 4 * 1024;

// How far the process is closed to system calls of ours.
constexpr std::uint32_t kNoGrowth = 1;
constexpr std::uint32_t kNoCalls = 2;

// How many forks deep an operation may be that goes on in a child, and finds its memory.
constexpr std::size_t kForksDeep = 2;

// Kept across a fork; written before the first definition returns, but for what says otherwise.
struct State {
  // Under the lock.
  Settings settings{};  // read when the first segment is made
  bool settings_read = false;
  bool tables_ready = false;
  bool births_wait = false;  // a thread is forking
  // Of a process that defines all it will ever have before its first segment: how many columns a
  // segment has, 0 if it is not such a one; and whether that first one is still to come.
  std::uint32_t whole_columns = 0;
  bool birth_postponed = false;
  RetryClock retries;
  shm::Segment segments[2];          // the second, for a process that counted in private memory
  shm::Segment* current = segments;  // that Wiped::segment points to, or a parent's did
  // Where the segments of this process's forebears were, the nearest first.
  shm::Reservation forebears[kForksDeep];

  std::uint32_t sealed = 0;     // 0, kNoGrowth, kNoCalls: only rises
  sigset_t mask_before_fork{};  // of the thread that is forking

  const char* libc_is_single_threaded = nullptr;
};

// The one global that cannot be avoided: handles are bare numbers, and a fork must find its way.
constinit State state;

// Certainly; false if libc does not tell. Relaxed: what a thread that is alone reads was its own.
bool is_single_threaded() noexcept {
  return state.libc_is_single_threaded != nullptr &&
         shm::read_alone(*state.libc_is_single_threaded) != 0;
}

bool may_not_attach() noexcept {
  return shm::read_alone(state.sealed) == kNoCalls;
}

// Another thread was making the segment while this child was made by a bare clone, which runs no
// handler: the child has its descriptor,
// and would keep the parent's lock with it. The number alone is not believed: the kernel copies the
// descriptors before the memory, and what it names may be gone by then. Until its inode was noted,
// the file is known by its device and its mode.
void close_inherited_birth(shm::Segment& segment) noexcept {
  const int fd = segment.birth_fd;
  segment.birth_fd = -1;
  struct stat file {};
  if (fd < 0 || fstat(fd, &file) != 0 || file.st_dev != segment.device) return;
  const bool is_ours = segment.inode != 0 ? file.st_ino == segment.inode
                                          : S_ISREG(file.st_mode) && (file.st_mode & 07137) == 0;
  if (is_ours) ::close(fd);
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

// A child may go on with an operation that its parent's thread had begun when a signal handler
// forked: it still holds an address in the segment, which the child does not have. Give it memory
// to hit. What older forebears left goes back: in a line of children that fork, each would have the
// address space of all.
void keep_memory_of(const shm::Segment& parents) noexcept {
  shm::Reservation memory = parents.memory;
  if (memory.base() == nullptr || memory.base() == state.forebears[0].base()) return;
  if (parents.attached && mmap(memory.base(), memory.bytes(), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
                               -1, 0) != memory.base()) {
    return;
  }
  state.forebears[kForksDeep - 1].release();
  for (std::size_t i = kForksDeep - 1; i > 0; --i) state.forebears[i] = state.forebears[i - 1];
  state.forebears[0] = memory;
}

void after_fork_in_child() noexcept {
  const NoCancellation whole;
  const int saved_errno = errno;
  end_wait_of_births();
  if (!may_not_attach()) keep_memory_of(*state.current);
  errno = saved_errno;
}

// The tables behind the private memory, once. A child forked amid this does it again.
bool prepare_tables_locked() noexcept {
  if (state.tables_ready) return true;
  const PrivateParts parts = private_parts();
  private_memory().start(parts.tables, parts.tables_bytes);
  state.tables_ready = catalogue().prepare(parts.log, parts.log_bytes) && prepare_registry() &&
                       prepare_series_index();
  return state.tables_ready;
}

// Just what is defined and reserved: nothing grows later.
void make_whole(shm::SegmentPlan& plan) noexcept {
  plan.columns = std::min(plan.columns, state.whole_columns);
  plan.committed_columns = plan.columns;
  plan.committed_cells = std::max(catalogue().next_cell(), catalogue().reserved_cells());
  plan.committed_catalogue_bytes = std::max(catalogue().used(), catalogue().reserved_bytes());
  plan.cells = plan.committed_cells;
  plan.catalogue_bytes = plan.committed_catalogue_bytes;
}

shm::SegmentPlan plan(std::uint32_t least_columns = 1) noexcept {
  shm::SegmentPlan plan;
  plan.directory = state.settings.directory;
  plan.service = state.settings.service;
  plan.mode = counting_mode;
  plan.columns = std::max(least_columns, wanted_columns());
  plan.cells = kCells;
  if (state.whole_columns != 0) {
    make_whole(plan);
    return plan;
  }
  plan.committed_cells =
      std::max({kCommittedCells, catalogue().next_cell(), catalogue().reserved_cells()});
  plan.committed_catalogue_bytes =
      std::max({kCommittedCatalogueBytes, catalogue().used(), catalogue().reserved_bytes()});
  // A child may be under a limit that its parent, which made the log, was not.
  const std::uint64_t spare = spare_address_space();
  const std::uint64_t log_bytes = private_parts().log_bytes;
  plan.catalogue_bytes = spare < log_bytes ? spare : log_bytes;
  if (plan.catalogue_bytes < plan.committed_catalogue_bytes * 2)
    plan.catalogue_bytes = plan.committed_catalogue_bytes * 2;
  if (plan.catalogue_bytes < kFirstLogBytes) plan.catalogue_bytes = kFirstLogBytes;
  while (plan.cells > plan.committed_cells * 2 && plan.cells > kCommittedCells * 2 &&
         plan.cells * shm::kCellBytes * plan.columns > spare) {
    plan.cells /= 2;
  }
  return plan;
}

// A segment that the agent can read. False, and said why, if there can be none.
bool make_segment(shm::Segment& segment, std::uint32_t least_columns = 1) noexcept {
  if (shm::create_segment(plan(least_columns), segment)) {
    debug_line("notch: segment ", segment.path);
    if (segment.on_disk) {
      debug_line("notch: warning: ", state.settings.directory,
                 " is not on tmpfs: a store may block while the disk is written");
    }
    return true;
  }
  const char* reason = strerrordesc_np(segment.system_errno);  // takes no lock
  char number[32] = "errno ";
  if (reason == nullptr) {  // a C library without it
    *shm::write_decimal(number + strlen(number), static_cast<std::uint64_t>(segment.system_errno)) =
        '\0';
    reason = number;
  }
  debug_line("notch: no segment in ", state.settings.directory,
             ": what is counted is not seen: ", reason);
  return false;
}

// By the id of the mode.
void** own_columns() noexcept {
  return wiped()->columns + (counts_by_cpu() ? kColumnsByCpu : 0);
}

void commit_column_of(std::int32_t id, shm::Segment& segment) noexcept {
  if (id < 0 || id >= static_cast<std::int32_t>(shm::kMaxColumns) - 1) return;
  const auto index = static_cast<std::uint32_t>(id) + 1;
  void*& entry = own_columns()[id];
  if (shm::read_alone(entry) != nullptr || !shm::commit_column(segment, index)) return;
  // Release: the column's memory is there before anyone adds to it. The acquire is the address
  // dependency of the section in cell.h, which loads the pointer and then uses it.
  // [tag: column-pointer]
  shm::publish(entry, static_cast<void*>(segment.column(index)));
}

void commit_running_column(shm::Segment& segment) noexcept {
  if (counts_by_rseq()) commit_column_of(column_id(), segment);
}

// From here on adds find their columns.
void publish_columns(shm::Segment& segment) noexcept {
  Wiped& own = *wiped();
  shm::publish(notch_v1_hot.columns, own.columns);  // [tag: column-pointer]
  shm::publish(own.segment, &segment);              // [tag: attached]
  commit_running_column(segment);
  // [tag: column-pointer] As commit_column_of().
  shm::publish(own.columns[NOTCH_SHARED_COLUMN], static_cast<void*>(segment.column(0)));
}

// The first try of this process, or of this forked child.
shm::Segment* attach_first() noexcept {
  state.births_wait = false;
  read_settings_locked();
  if (!prepare_tables_locked()) return nullptr;
  shm::Segment& segment = state.segments[0];
  for (shm::Segment& parents : state.segments) close_inherited_birth(parents);
  if (state.settings.disabled) {
    segment = shm::Segment{};
    segment.system_errno = state.settings.system_errno;
  } else if (!make_segment(segment)) {
    state.retries.failed();
  }
  if (!segment.attached && !shm::create_private_segment(plan(), segment)) {
    shm::publish(wiped()->failed, std::uint32_t{1});  // [tag: attached]
    return nullptr;
  }
  state.current = &segment;
  catalogue().copy_to(segment);
  for (std::size_t i = 0; i < shm::kDropReasons; ++i) {
    shm::add_alone(segment.header().drops[i], shm::take_all(wiped()->early_drops[i]));
  }
  publish_columns(segment);
  return &segment;
}

// From here on adds wait for the lock.
void take_columns(const shm::Segment& old) noexcept {
  for (std::uint32_t id = 0; id + 1 < old.column_capacity; ++id) {
    // Relaxed is enough: what is read on the strength of a null is the lock.
    shm::write_alone(own_columns()[id], static_cast<void*>(nullptr));
  }
  shm::write_alone(wiped()->columns[NOTCH_SHARED_COLUMN], static_cast<void*>(nullptr));
}

// Of a process that counts in private memory. Without luck all is as it was.
void attach_late(shm::Segment& old) noexcept {
  shm::Segment& segment = state.segments[&old == state.segments ? 1 : 0];
  choose_directory(state.settings);
  // It may be allowed fewer processors by now than it has columns.
  if (!make_segment(segment, old.column_capacity)) {
    old.system_errno = segment.system_errno;
    return state.retries.failed();
  }
  if (!commit_columns_of(old, segment)) {
    shm::discard_segment(segment);
    old.system_errno = ENOSPC;
    return state.retries.failed();
  }
  NOTCH_INJECTION_POINT("late.named");
  take_columns(old);
  end_sections();
  copy_counts(old, segment, catalogue().next_cell());
  NOTCH_INJECTION_POINT("late.counted");
  catalogue().copy_to(segment);
  NOTCH_INJECTION_POINT("late.published");
  state.current = &segment;
  publish_columns(segment);
}

// Whether a process that counts in private memory should try again.
bool is_retry_due(const shm::Segment& segment) noexcept {
  return !segment.attached && !state.settings.disabled && !sealed() && state.retries.is_due();
}

}  // namespace

shm::Segment* attached_segment() noexcept {
  const Wiped* const own = wiped();
  return own == nullptr ? nullptr : shm::observe(own->segment);  // [tag: attached]
}

shm::Segment* attach_locked() noexcept {
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) return segment;
  return may_not_attach() || shm::read_alone(wiped()->failed) != 0 ? nullptr : attach_first();
}

bool may_define_locked() noexcept {
  return state.birth_postponed || attach_locked() != nullptr;
}

bool is_birth_postponed() noexcept {
  return state.birth_postponed;
}

bool postpone_birth(std::uint32_t ids) noexcept {
  const RegistryLock lock;
  if (!lock) return false;
  read_settings_locked();
  state.whole_columns = ids + 1;
  state.birth_postponed = prepare_tables_locked();
  return state.birth_postponed;
}

void attach(Attach attempt) noexcept {
  if (state.birth_postponed) return;
  Wiped& own = *wiped();
  // [tag: column-pointer]
  const bool has_column = shm::observe(own.columns[NOTCH_SHARED_COLUMN]) != nullptr;
  const bool has_failed = shm::observe(own.failed) != 0;  // [tag: attached]
  if (attempt == Attach::kFirst && (has_column || has_failed)) return;
  if (may_not_attach()) return;
  if (has_column && !is_retry_due(*attached_segment())) return;
  const NoSignals whole;
  const RegistryLock lock;
  if (!lock) return;
  if (attempt == Attach::kAgain) shm::write_alone(own.failed, std::uint32_t{0});
  shm::Segment* const segment = attach_locked();
  if (attempt == Attach::kAgain && segment != nullptr && is_retry_due(*segment))
    attach_late(*segment);
}

void attach_with_columns(std::uint32_t ids) noexcept {
  if (attached_segment() == nullptr && (may_not_attach() || shm::read_alone(wiped()->failed) != 0))
    return;
  const NoSignals whole;
  const RegistryLock lock;
  state.birth_postponed = false;
  shm::Segment* const segment = lock ? attach_locked() : nullptr;
  for (std::uint32_t id = 0; segment != nullptr && id < ids && id + 1 < segment->column_capacity;
       ++id) {
    commit_column_of(static_cast<std::int32_t>(id), *segment);
  }
}

std::byte* shared_column() noexcept {
  if (wiped() == nullptr && (is_without_memory() || !prepare())) return nullptr;
  void*& entry = wiped()->columns[NOTCH_SHARED_COLUMN];
  if (void* const shared = shm::observe(entry); shared != nullptr)  // [tag: column-pointer]
    return static_cast<std::byte*>(shared);
  attach();
  return static_cast<std::byte*>(shm::observe(entry));  // [tag: column-pointer]
}

void read_settings_locked() noexcept {
  if (!state.settings_read) read_settings(state.settings);
  state.settings_read = true;
}

void adopt_column() noexcept {
  if (!counts_by_rseq() || sealed()) return;
  shm::Segment* const segment = attached_segment();
  if (segment == nullptr) return;
  const std::int32_t id = column_id();
  if (id < 0 || id >= static_cast<std::int32_t>(segment->column_capacity) - 1) return;
  if (shm::read_alone(own_columns()[id]) != nullptr) return;
  const RegistryLock lock(RegistryLock::Wait::kNot);
  if (!lock || sealed()) return;
  if (shm::Segment* const now = attached_segment(); now != nullptr) commit_running_column(*now);
}

std::uint64_t park_observation(const ParkedBucket& bucket) noexcept {
  return attached_segment() == nullptr ? 0 : park(wiped()->parked, bucket);
}

void drop(shm::DropReason reason, std::uint64_t count) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) {
    shm::add_alone(segment->header().drops[index], count);
  } else if (!is_without_memory() && prepare()) {
    shm::add_alone(wiped()->early_drops[index], count);
  }
}

std::uint64_t dropped() noexcept {
  std::uint64_t total = 0;
  for (const std::uint64_t& early : wiped()->early_drops) total += shm::read_alone(early);
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) {
    for (const std::uint64_t& reason : segment->header().drops) total += shm::read_alone(reason);
  }
  return total;
}

bool commit_cells_locked(std::uint64_t cells) noexcept {
  shm::Segment* const segment = attached_segment();
  if (segment == nullptr) return state.birth_postponed && cells <= kCells;
  if (cells <= segment->cells_committed) return true;
  if (sealed() || cells > segment->cell_capacity) return false;
  const std::uint64_t doubled = segment->cells_committed * 2;
  const std::uint64_t wanted = cells > doubled ? cells : doubled;
  return shm::commit_cells(*segment,
                           wanted < segment->cell_capacity ? wanted : segment->cell_capacity) ||
         shm::commit_cells(*segment, cells);
}

bool sealed() noexcept {
  return shm::read_alone(state.sealed) != 0;
}
void close_growth() noexcept {
  if (!sealed()) shm::write_alone(state.sealed, kNoGrowth);
}
void seal() noexcept {
  shm::write_alone(state.sealed, kNoCalls);
}

void begin(const char* libc_is_single_threaded) noexcept {
  state.libc_is_single_threaded = libc_is_single_threaded;
  find_counting_mode();
  pthread_atfork(before_fork, end_wait_of_births, after_fork_in_child);
}

void end() noexcept {
  if (shm::Segment* const segment = attached_segment(); segment != nullptr)
    shm::close_segment(*segment);
}

bool debugging() noexcept {
  return state.settings.debug && !sealed();
}

void debug_line(const char* a, const char* b, const char* c, const char* d) noexcept {
  if (!debugging()) return;
  char line[1024];
  std::size_t length = 0;
  for (const char* part : {a, b, c, d, "\n"}) {
    for (; *part != '\0' && length < sizeof line; ++part) line[length++] = *part;
  }
  const int saved_errno = errno;
  if (::write(STDERR_FILENO, line, length) < 0) errno = saved_errno;
  errno = saved_errno;
}

#ifndef NOTCH_LIFE_ELSEWHERE  // preload/life.cc
namespace {

[[gnu::constructor(101)]] void at_load() {
  begin();
}

[[gnu::destructor(101)]] void at_exit() {
  end();
}

}  // namespace
#endif

}  // namespace notch::client
