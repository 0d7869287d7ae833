#include "client/process.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "client/catalogue.h"
#include "client/include/notch/abi.h"
#include "client/registry.h"
#include "client/series_index.h"
#include "client/settings.h"
#include "shm/memory_order.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

// glibc 2.35 and later; absent elsewhere, and then there is no rseq to use.
extern "C" {
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
}

namespace notch::client {
namespace {

constexpr std::uint64_t kCommittedCells = 1024;
constexpr std::uint64_t kCommittedCatalogueBytes = 32 * 1024;

// How far the process is closed to system calls of ours.
constexpr std::uint32_t kNoGrowth = 1;
constexpr std::uint32_t kNoCalls = 2;

// Offsets in struct rseq, as in cell.h.
constexpr std::size_t kCpuIdOffset = 4;
constexpr std::size_t kSectionOffset = 8;
constexpr std::size_t kMmCidOffset = 24;
constexpr unsigned long kMmCidEnd = 28;

// What stands in for the thread's struct rseq where there is none; the columns are null then.
thread_local char no_rseq[32] __attribute__((aligned(32), tls_model("initial-exec")));

void* no_columns[NOTCH_SHARED_COLUMN + 1];

// Kept across a fork; written before the first definition returns, but for what says otherwise.
struct State {
  Wiped* wiped = nullptr;
  Settings settings{};  // read when the first segment is made
  bool settings_read = false;
  shm::CountingMode mode = shm::CountingMode::kAtomic;
  std::uint32_t columns = 1;
  std::uint32_t prepared = 0;   // 0: not tried, 1: in hand, 2: done, 3: no memory
  std::uint32_t sealed = 0;     // kOpen, kNoGrowth, kNoCalls: only rises
  shm::Segment segment{};       // under the lock
  bool births_wait = false;     // under the lock: a thread is forking
  sigset_t mask_before_fork{};  // that thread's
};

// The one global that cannot be avoided: handles are bare numbers, and a fork must find its way.
constinit State state;

std::uintptr_t thread_pointer() noexcept {
  std::uintptr_t pointer = 0;
#if defined(__x86_64__)
  asm("movq %%fs:0, %0" : "=r"(pointer));
#else
  pointer = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#endif
  return pointer;
}

char* thread_rseq() noexcept {
  return reinterpret_cast<char*>(thread_pointer()) + notch_v1_hot.rseq_offset;
}

// The running thread's concurrency id, or -1 if the kernel keeps none for it.
std::int32_t concurrency_id() noexcept {
  const char* const rseq = thread_rseq();
  std::int32_t cpu_id = 0;
  std::int32_t mm_cid = 0;
  memcpy(&cpu_id, rseq + kCpuIdOffset, sizeof cpu_id);
  memcpy(&mm_cid, rseq + kMmCidOffset, sizeof mm_cid);
  return cpu_id < 0 ? -1 : mm_cid;
}

shm::CountingMode find_counting_mode() noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
  const bool registered = &__rseq_size != nullptr && __rseq_size != 0;
  if (registered && getauxval(AT_RSEQ_FEATURE_SIZE) >= kMmCidEnd) {
    notch_v1_hot.rseq_offset = __rseq_offset;
    return shm::CountingMode::kRseq;
  }
#endif
  notch_v1_hot.rseq_offset =
      static_cast<ptrdiff_t>(reinterpret_cast<std::uintptr_t>(no_rseq) - thread_pointer());
  return shm::CountingMode::kAtomic;
}

bool may_not_attach() noexcept {
  return shm::read_alone(state.sealed) == kNoCalls;
}

// Another thread was making the segment while this child was made by a bare clone, which runs no
// handler: the child has its descriptor,
// and would keep the parent's lock with it. The number alone is not believed: the kernel copies the
// descriptors before the memory, and what it names may be gone by then. Until its inode was noted,
// the file is known by its device and its mode.
void close_inherited_birth() noexcept {
  const int fd = state.segment.birth_fd;
  state.segment.birth_fd = -1;
  struct stat file {};
  if (fd < 0 || fstat(fd, &file) != 0 || file.st_dev != state.segment.device) return;
  const bool is_ours = state.segment.inode != 0
                           ? file.st_ino == state.segment.inode
                           : S_ISREG(file.st_mode) && (file.st_mode & 07137) == 0;
  if (is_ours) ::close(fd);
}

bool take_registry_lock(RegistryLock::Wait wait) noexcept {
  std::uint64_t& word = state.wiped->lock;
  const std::uint64_t self = thread_pointer();
  for (int spins = 0; !shm::take_lock(word, self); ++spins) {  // [tag: registry-lock]
    if (wait == RegistryLock::Wait::kNot || shm::read_alone(word) == self) return false;
    if (spins < 4096) {
      shm::pause();
    } else if (!sealed()) {
      sched_yield();
    }
  }
  return true;
}

// A child must not be forked while another thread makes the segment: it would inherit the
// descriptor, or the mapping before it is MADV_DONTFORK, and with either the parent's lock. Signals
// wait too, as in attach().
void before_fork() noexcept {
  if (shm::observe(state.wiped->attached) != 0 || may_not_attach()) return;  // [tag: attached]
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
  if (!state.births_wait) return;
  const std::uint64_t holder = shm::read_alone(state.wiped->lock);
  if (holder != 0 && holder != thread_pointer()) return;  // another thread is forking
  state.births_wait = false;
  const sigset_t mask = state.mask_before_fork;
  if (holder != 0) shm::publish(state.wiped->lock, std::uint64_t{0});  // [tag: registry-lock]
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

// A child may go on with an operation that its parent's thread had begun when a signal handler
// forked: it still holds an address in the segment, which the child does not have. Give it memory
// to hit.
void after_fork_in_child() noexcept {
  const NoCancellation whole;
  const int saved_errno = errno;
  end_wait_of_births();
  if (!may_not_attach() && state.segment.attached && state.segment.memory.base() != nullptr) {
    mmap(state.segment.memory.base(), state.segment.memory.bytes(), PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  }
  errno = saved_errno;
}

bool prepare_once() noexcept {
  // First, as it cannot fail: until then an add would write its rseq_cs at offset 0 from the thread
  // pointer, where libc keeps the thread's table of TLS blocks.
  state.mode = find_counting_mode();
  const std::uint64_t bytes = shm::round_to_page(sizeof(Wiped));
  void* const wiped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (wiped == MAP_FAILED) return false;
  if (madvise(wiped, bytes, MADV_WIPEONFORK) != 0 || !catalogue().prepare() ||
      !prepare_registry() || !prepare_series_index()) {
    munmap(wiped, bytes);
    return false;
  }
  state.wiped = static_cast<Wiped*>(wiped);
  const long processors = sysconf(_SC_NPROCESSORS_CONF);
  const std::uint32_t most = shm::kMaxColumns - 1;
  const std::uint32_t wanted = processors < 1 ? 1 : static_cast<std::uint32_t>(processors);
  state.columns = state.mode == shm::CountingMode::kRseq ? 1 + (wanted < most ? wanted : most) : 1;
  pthread_atfork(before_fork, end_wait_of_births, after_fork_in_child);
  notch_v1_hot.columns = state.wiped->columns;
  return true;
}

shm::SegmentPlan plan() noexcept {
  shm::SegmentPlan plan;
  plan.directory = state.settings.directory;
  plan.service = state.settings.service;
  plan.mode = state.mode;
  plan.columns = state.columns;
  plan.cells = kCells;
  plan.catalogue_bytes = kCatalogueBytes;
  plan.committed_cells =
      std::max({kCommittedCells, catalogue().next_cell(), catalogue().reserved_cells()});
  plan.committed_catalogue_bytes =
      std::max({kCommittedCatalogueBytes, catalogue().used(), catalogue().reserved_bytes()});
  return plan;
}

void make_segment() noexcept {
  close_inherited_birth();
  state.births_wait = false;
  read_settings_locked();
  const bool disabled = state.settings.directory[0] == '\0';
  if (!disabled && shm::create_segment(plan(), state.segment)) {
    debug_line("notch: segment ", state.segment.path);
    if (state.segment.on_disk) {
      debug_line("notch: warning: ", state.settings.directory,
                 " is not on tmpfs: a store may block while the disk is written");
    }
    return;
  }
  if (disabled) state.segment.system_errno = state.settings.system_errno;
  if (!disabled) {
    const char* const reason = strerrordesc_np(state.segment.system_errno);  // takes no lock
    debug_line("notch: no segment in ", state.settings.directory,
               ": counting in private memory: ", reason != nullptr ? reason : "unknown error");
  }
  shm::create_private_segment(plan(), state.segment);
}

void commit_column_of(std::int32_t id, shm::Segment& segment) noexcept {
  if (id < 0 || id >= NOTCH_SHARED_COLUMN) return;
  const auto index = static_cast<std::uint32_t>(id) + 1;
  void*& entry = state.wiped->columns[id];
  if (shm::read_alone(entry) != nullptr || !shm::commit_column(segment, index)) return;
  // Release: the column's memory is there before anyone adds to it. The acquire is the address
  // dependency of the section in cell.h, which loads the pointer and then uses it.
  // [tag: column-pointer]
  shm::publish(entry, static_cast<void*>(segment.column(index)));
}

void commit_running_column(shm::Segment& segment) noexcept {
  if (state.mode == shm::CountingMode::kRseq) commit_column_of(concurrency_id(), segment);
}

}  // namespace

NoCancellation::NoCancellation() noexcept {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

NoCancellation::~NoCancellation() {
  pthread_setcancelstate(before_, nullptr);
}

RegistryLock::RegistryLock(Wait wait) noexcept : held_(take_registry_lock(wait)) {}

RegistryLock::~RegistryLock() {
  if (held_) shm::publish(state.wiped->lock, std::uint64_t{0});  // [tag: registry-lock]
}

bool prepare() noexcept {
  for (;;) {
    const std::uint32_t phase = shm::observe(state.prepared);  // [tag: prepared]
    if (phase >= 2) return phase == 2;
    // [tag: prepared]
    if (shm::exchange_if(state.prepared, std::uint32_t{0}, std::uint32_t{1})) break;
    sched_yield();
  }
  const int saved_errno = errno;
  const bool done = prepare_once();
  errno = saved_errno;
  shm::publish(state.prepared, std::uint32_t{done ? 2U : 3U});  // [tag: prepared]
  return done;
}

shm::Segment* attached_segment() noexcept {
  if (shm::observe(state.prepared) != 2) return nullptr;         // [tag: prepared]
  if (shm::observe(state.wiped->attached) != 1) return nullptr;  // [tag: attached]
  return &state.segment;
}

shm::Segment* attach_locked() noexcept {
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) return segment;
  if (may_not_attach() || shm::read_alone(state.wiped->attached) != 0) return nullptr;
  make_segment();
  shm::Segment& segment = state.segment;
  if (segment.memory.base() == nullptr) {
    shm::publish(state.wiped->attached, std::uint32_t{2});  // [tag: attached]
    return nullptr;
  }
  catalogue().copy_to(segment);
  for (std::size_t i = 0; i < shm::kDropReasons; ++i) {
    shm::add_alone(segment.header().drops[i], shm::take_all(state.wiped->early_drops[i]));
  }
  commit_running_column(segment);
  // [tag: column-pointer] As commit_running_column().
  shm::publish(state.wiped->columns[NOTCH_SHARED_COLUMN], static_cast<void*>(segment.column(0)));
  shm::publish(state.wiped->attached, std::uint32_t{1});  // [tag: attached]
  return &segment;
}

void attach() noexcept {
  if (shm::observe(state.wiped->attached) == 0) attach_with_columns(0);  // [tag: attached]
}

void attach_with_columns(std::uint32_t ids) noexcept {
  const std::uint32_t attached = shm::observe(state.wiped->attached);  // [tag: attached]
  if (attached == 2 || (attached == 0 && may_not_attach())) return;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  {
    const RegistryLock lock;
    shm::Segment* const segment = lock ? attach_locked() : nullptr;
    for (std::uint32_t id = 0; segment != nullptr && id < ids && id + 1 < state.columns; ++id) {
      commit_column_of(static_cast<std::int32_t>(id), *segment);
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void read_settings_locked() noexcept {
  if (!state.settings_read) read_settings(state.settings);
  state.settings_read = true;
}

std::byte* shared_column() noexcept {
  if (shm::observe(state.prepared) != 2) return nullptr;  // [tag: prepared]
  void*& entry = state.wiped->columns[NOTCH_SHARED_COLUMN];
  if (void* const shared = shm::observe(entry); shared != nullptr)  // [tag: column-pointer]
    return static_cast<std::byte*>(shared);
  attach();
  return static_cast<std::byte*>(shm::observe(entry));  // [tag: column-pointer]
}

void adopt_column() noexcept {
  if (state.mode != shm::CountingMode::kRseq || sealed()) return;
  const std::int32_t id = concurrency_id();
  if (id < 0 || id >= static_cast<std::int32_t>(state.columns) - 1) return;
  if (shm::read_alone(state.wiped->columns[id]) != nullptr) return;
  const RegistryLock lock(RegistryLock::Wait::kNot);
  if (!lock || sealed()) return;
  if (shm::Segment* const segment = attached_segment(); segment != nullptr)
    commit_running_column(*segment);
}

void leave_section() noexcept {
  // Relaxed: only the kernel reads it, when it has stopped this thread.
  shm::write_alone(*reinterpret_cast<std::uint64_t*>(thread_rseq() + kSectionOffset),
                   std::uint64_t{0});
}

void drop(shm::DropReason reason, std::uint64_t count) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) {
    shm::add_alone(segment->header().drops[index], count);
  } else if (shm::observe(state.prepared) == 2) {  // [tag: prepared]
    shm::add_alone(state.wiped->early_drops[index], count);
  }
}

std::uint64_t dropped() noexcept {
  std::uint64_t total = 0;
  for (const std::uint64_t& early : state.wiped->early_drops) total += shm::read_alone(early);
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) {
    for (const std::uint64_t& reason : segment->header().drops) total += shm::read_alone(reason);
  }
  return total;
}

bool commit_cells_locked(std::uint64_t cells) noexcept {
  shm::Segment* const segment = attached_segment();
  if (segment == nullptr) return false;
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
Postponed& postponed() noexcept {
  return state.wiped->postponed;
}
bool is_prepared() noexcept {
  return shm::observe(state.prepared) == 2;  // [tag: prepared]
}
void end() noexcept {
  if (shm::Segment* const segment = attached_segment(); segment != nullptr)
    shm::close_segment(*segment);
}
bool counts_by_rseq() noexcept {
  return state.mode == shm::CountingMode::kRseq;
}

void debug_line(const char* a, const char* b, const char* c, const char* d) noexcept {
  if (!state.settings.debug || sealed()) return;
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
  prepare();
}

[[gnu::destructor(101)]] void at_exit() {
  end();
}

}  // namespace
#endif

}  // namespace notch::client

notch_hot notch_v1_hot = {notch::client::no_columns, 0};
