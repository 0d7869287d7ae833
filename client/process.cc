#include "client/process.h"

#include <errno.h>

#include "client/birth.h"
#include "client/catalogue.h"
#include "client/columns.h"
#include "client/counting_mode.h"
#include "client/debug_line.h"
#include "client/drops.h"
#include "client/fork.h"
#include "client/include/notch/abi.h"
#include "client/inherited_segment.h"
#include "client/late_attach.h"
#include "client/private_memory.h"
#include "client/registry_lock.h"
#include "client/seal.h"
#include "client/segment_room.h"
#include "client/settings.h"
#include "client/wiped.h"
#include "shm/injection_point.h"
#include "shm/memory_order.h"
#include "shm/open_to_all.h"

namespace notch::client {
namespace {

enum class OpenToAll : std::uint32_t { kUnknown, kYes, kNo };

// Kept across a fork. Under the lock, but for what says otherwise.
struct State {
  Settings settings{};  // read when the first segment is made
  bool settings_read = false;
  bool memory_ready = false;
  // For a process that makes all its definitions before its first segment: the number of columns of a
  // segment, 0 for other processes.
  std::uint32_t whole_columns = 0;
  // Whether every user may make files in the directory. Relaxed: any thread may look, and all find the
  // same answer.
  OpenToAll open_to_all = OpenToAll::kUnknown;
  RetryClock retries;
  shm::Segment segments[2];  // the second, for a process that counted in private memory
};

// A global, because handles are bare numbers and a forked child must find its state.
constinit State state;

// Prepares what the tables are made in, and the log, once. A child forked in the middle does it again.
bool prepare_memory_locked() noexcept {
  if (state.memory_ready) return true;
  const PrivateParts parts = private_parts();
  private_memory().start(parts.tables, parts.tables_bytes);
  state.memory_ready = catalogue().prepare(parts.log, parts.log_bytes);
  return state.memory_ready;
}

shm::SegmentPlan plan(std::uint32_t least_columns = 1) noexcept {
  return state.whole_columns == 0
             ? plan_segment(state.settings, least_columns)
             : plan_whole_segment(state.settings, least_columns, state.whole_columns);
}

// The first try of this process, or of this forked child.
shm::Segment* attach_first() noexcept {
  forget_forks();
  read_settings_locked();
  if (!prepare_memory_locked()) return nullptr;
  shm::Segment& segment = state.segments[0];
  for (shm::Segment& parents : state.segments) close_inherited_birth(parents);
  if (state.settings.disabled) {
    segment = shm::Segment{};
    segment.system_errno = state.settings.system_errno;
    debug_line("notch: what is counted is not seen: ", state.settings.system_errno == 0
                                                           ? "NOTCH_DISABLED is set"
                                                           : "NOTCH_DIR is too long");
  } else if (make_segment(plan(), segment)) {
    give_back_inherited();
  } else if (adopt_inherited()) {
    return attached_segment();
  } else {
    state.retries.failed();
  }
  if (!segment.attached && !shm::create_private_segment(plan(), segment)) {
    shm::publish(wiped()->failed, std::uint32_t{1});  // [tag: attached]
    return nullptr;
  }
  remember_segment(segment);
  catalogue().copy_to(segment);
  move_early_drops(segment);
  publish_columns(segment);
  return &segment;
}

// For a process that counts in private memory. If it fails, all is as it was.
void attach_late(shm::Segment& old) noexcept {
  shm::Segment& segment = state.segments[&old == state.segments ? 1 : 0];
  choose_directory(state.settings);
  // The process may use fewer processors by now than it has columns.
  if (!make_segment(plan(old.column_capacity), segment)) {
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
  remember_segment(segment);
  publish_columns(segment);
}

// True if a process that counts in private memory should try again.
bool is_retry_due(const shm::Segment& segment) noexcept {
  return !segment.attached && !state.settings.disabled && !sealed() && state.retries.is_due();
}

}  // namespace

shm::Segment* attach_locked() noexcept {
  if (shm::Segment* const segment = attached_segment(); segment != nullptr) return segment;
  return may_not_attach() || shm::read_alone(wiped()->failed) != 0 ? nullptr : attach_first();
}

bool may_define_locked() noexcept {
  return is_birth_postponed() || attach_locked() != nullptr;
}

bool postpone_birth(std::uint32_t ids) noexcept {
  const RegistryLock lock;
  if (!lock) return false;
  read_settings_locked();
  state.whole_columns = ids + 1;
  const bool ready = prepare_memory_locked();
  set_birth_postponed(ready);
  return ready;
}

void attach(Attach attempt) noexcept {
  if (is_birth_postponed()) return;
  Wiped& own = *wiped();
  // [tag: column-pointer]
  const bool has_column = shm::observe(own.columns[NOTCH_SHARED_COLUMN]) != nullptr;
  const bool has_failed = shm::observe(own.failed) != 0;  // [tag: attached]
  if (attempt == Attach::kFirst && (has_column || has_failed)) return;
  if (may_not_attach()) return;
  // Null in a child that a handler has forked since.
  const shm::Segment* const counted_in = attached_segment();
  if (has_column && counted_in != nullptr && !is_retry_due(*counted_in)) return;
  const NoSignals whole;
  const RegistryLock lock;
  if (!lock) return;
  if (attempt == Attach::kAgain) shm::write_alone(own.failed, std::uint32_t{0});
  shm::Segment* const segment = attach_locked();
  if (attempt == Attach::kAgain && segment != nullptr && is_retry_due(*segment))
    attach_late(*segment);
}

void attach_with_columns(std::uint32_t ids) noexcept {
  if (attached_segment() == nullptr &&
      (may_not_attach() || shm::read_alone(wiped()->failed) != 0)) {
    if (may_not_attach()) adopt_inherited();
    return;
  }
  const NoSignals whole;
  const RegistryLock lock;
  set_birth_postponed(false);
  shm::Segment* const segment = lock ? attach_locked() : nullptr;
  if (segment != nullptr && !counts_in_inherited()) commit_columns(ids, *segment);
}

std::byte* shared_column() noexcept {
  if (wiped() == nullptr && (is_without_memory() || !prepare())) return nullptr;
  void*& entry = wiped()->columns[NOTCH_SHARED_COLUMN];
  if (void* const shared = shm::observe(entry); shared != nullptr)  // [tag: column-pointer]
    return static_cast<std::byte*>(shared);
  attach();
  return static_cast<std::byte*>(shm::observe(entry));  // [tag: column-pointer]
}

void leave_segment_to_children(Reach reach) noexcept {
  const shm::Segment* const segment = attached_segment();
  if (segment == nullptr || !segment->attached || is_left_to_children(*segment)) return;
  if (reach == Reach::kAskAsUser && is_directory_open_to_all()) return;
  if (reach != Reach::kLost && is_directory_reachable(*segment, state.settings.directory)) return;
  leave_to_children(*segment);
}

bool is_directory_open_to_all() noexcept {
  OpenToAll known = shm::read_alone(state.open_to_all);
  if (known == OpenToAll::kUnknown) {
    known = shm::is_open_to_all(state.settings.directory) ? OpenToAll::kYes : OpenToAll::kNo;
    shm::write_alone(state.open_to_all, known);
  }
  return known == OpenToAll::kYes;
}

void read_settings_locked() noexcept {
  if (state.settings_read) return;
  read_settings(state.settings);
  state.settings_read = true;
  set_debugging(state.settings.debug);
}

void begin(const char* libc_is_single_threaded) noexcept {
  find_counting_mode();
  watch_forks(libc_is_single_threaded);
}

void end() noexcept {
  if (shm::Segment* const segment = attached_segment(); segment != nullptr)
    shm::close_segment(*segment);
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
