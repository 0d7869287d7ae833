#include "client/preload/core.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstddef>

#include "client/catalogue.h"
#include "client/counting_mode.h"
#include "client/debug_line.h"
#include "client/drops.h"
#include "client/inherited_segment.h"
#include "client/preload/next_symbol.h"
#include "client/process.h"
#include "client/seal.h"
#include "client/series_index.h"
#include "client/settings.h"
#include "notch/abi.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

// The calls of our own copy, by own_names.h's names; and what the program's library has instead.
extern "C" {
#define NOTCH_CALL(name) decltype(notch_v1_##name) notch_own_##name;
#include "client/preload/abi_calls.def"
}

namespace notch::preload {
namespace {

// Columns with memory from the start, at most: one for each processor of a small machine.
constexpr std::uint32_t kFirstColumns = 8;

// The most cells of a label set: a histogram's.
constexpr std::size_t kCellsOfLabelSet = 16;
// The bytes of the catalogue that one takes, with the texts that no other has.
constexpr std::size_t kBytesOfLabelSet = 96;

// Label sets that have memory from the start: of a server that shows some twenty kinds of exchanges,
// each in three families, and of the overflow series. Most programs need no more.
constexpr std::size_t kFirstLabelSets = 70;
// Those that a process still has memory for when it sets a filter.
constexpr std::size_t kLabelSetsBehindFilter = 128;

// All that the modules have: HTTP's by method and scheme, open connections, live bytes.
constexpr std::uint32_t kMostGauges = 32;

struct Calls {
#define NOTCH_CALL(name) decltype(&notch_v1_##name) name = notch_own_##name;
#include "client/preload/abi_calls.def"
};

struct State {
  Calls calls;
  bool is_foreign = false;  // the program's own libnotch.so keeps the numbers
  std::uint64_t postponable_end = 0;
  std::uint32_t sandboxed = 0;
  std::uint32_t promised = 0;  // PR_SET_NO_NEW_PRIVS was set
  std::uint32_t gauge_count = 0;
  std::uint64_t gauges[kMostGauges] = {};  // cells' offsets of up-down counters
};

constinit State state;

template <class Function>
bool find(const char* name, Function*& call) noexcept {
  void* const found = find_any_symbol(name);
  if (found != nullptr) call = reinterpret_cast<Function*>(found);
  return found != nullptr;
}

// The program's library, if it has one with all that we call.
bool find_foreign_calls(Calls& calls) noexcept {
  bool found = true;
#define NOTCH_CALL(name) found = found && find("notch_v1_" #name, calls.name);
#include "client/preload/abi_calls.def"
  return found;
}

// Asked before anything is prepared: under /etc/ld.so.preload every program of a host without an
// agent comes here. With NOTCH_DEBUG it goes on, to say what is wrong.
bool has_directory() noexcept {
  client::Settings settings;
  client::read_settings(settings);
  return settings.debug || (!settings.disabled && access(settings.directory, W_OK | X_OK) == 0);
}

bool has_own_segment() noexcept {
  return !state.is_foreign && client::attached_segment() != nullptr &&
         !client::counts_in_inherited();
}

bool is_gauge(std::uint64_t offset) noexcept {
  for (std::uint32_t i = 0; i < state.gauge_count; ++i) {
    if (state.gauges[i] == offset) return true;
  }
  return false;
}

// The cell of a postponable count, as its place among them; postponable_end if it is none.
std::uint64_t postponable_cell(std::uint64_t offset) noexcept {
  const std::uint64_t cell = offset / shm::kCellBytes;
  return cell < state.postponable_end ? cell : state.postponable_end;
}

// Adds what was postponed to the segment. Any thread, more than one at a time.
void add_postponed() noexcept {
  client::Postponed& postponed = client::postponed();
  for (std::uint64_t cell = 0; cell < state.postponable_end; ++cell) {
    const std::uint64_t whole = shm::take_all(postponed.integers[cell]);
    const std::uint64_t real = shm::take_all(postponed.reals[cell]);
    if (whole != 0) notch_own_add_integer(cell * shm::kCellBytes, whole);
    if (real != 0) notch_own_add_float(cell * shm::kCellBytes, std::bit_cast<double>(real));
  }
}

bool has_postponed() noexcept {
  const client::Postponed& postponed = client::postponed();
  for (std::uint64_t cell = 0; cell < state.postponable_end; ++cell) {
    if ((shm::read_alone(postponed.integers[cell]) | shm::read_alone(postponed.reals[cell])) != 0)
      return true;
  }
  return false;
}

// A forked child's way to a segment of its own.
[[gnu::cold]] void attach_child() noexcept {
  const shm::KeepErrno keep;
  client::attach_with_columns(kFirstColumns);
  if (client::attached_segment() != nullptr) add_postponed();
}

bool is_unattached() noexcept {
  return !state.is_foreign && client::is_prepared() && client::attached_segment() == nullptr;
}

// The catalogue is a forebear's, who may be writing it.
bool may_make_no_series() noexcept {
  if (is_unattached()) attach_child();
  return client::counts_in_inherited();
}

// COR4. Behind an attach_child().
bool is_dropped(std::uint64_t offset) noexcept {
  if (!client::counts_in_inherited() || !is_gauge(offset)) [[likely]]
    return false;
  client::drop(shm::DropReason::kInheritedGauge);
  return true;
}

}  // namespace

bool begin_core() noexcept {
  Calls foreign;
  if (find_foreign_calls(foreign)) {
    state.calls = foreign;
    state.is_foreign = true;
    return true;
  }
  if (!has_directory()) return false;
  // By its name: glibc has it from 2.32 on.
  client::begin(static_cast<const char*>(find_any_symbol("__libc_single_threaded")));
  return client::prepare() && client::postpone_birth(kFirstColumns);
}

void end_of_postponable() noexcept {
  const std::uint64_t cells = client::is_prepared() ? client::catalogue().next_cell() : 0;
  state.postponable_end = cells < client::kPostponedCells ? cells : client::kPostponedCells;
}

void note_gauge(std::uint64_t offset) noexcept {
  if (offset != 0 && state.gauge_count < kMostGauges) state.gauges[state.gauge_count++] = offset;
}

void reserve_label_sets(const LabelRoom& room) noexcept {
  const std::size_t first = std::min(room.label_sets, kFirstLabelSets);
  const std::size_t cells = std::min(room.cells, first * kCellsOfLabelSet);
  state.calls.reserve(cells, first, 0);
  if (state.is_foreign) return;
  client::catalogue().leave_room(room.cells - cells, (room.label_sets - first) * kBytesOfLabelSet);
}

void make_room_for_label_sets() noexcept {
  if (!has_own_segment() || is_in_sandbox() || !client::may_grow_by_pages()) return;
  const shm::KeepErrno keep;
  if (const client::RegistryLock lock; lock) {
    for (std::size_t sets = kLabelSetsBehindFilter; sets != 0; sets /= 2) {
      if (client::reserve_series(sets * kCellsOfLabelSet, sets)) break;
    }
  }
  client::stop_growth();
}

notch_series make_series_now(std::uint32_t family, const notch_text* values,
                             std::size_t count) noexcept {
  if (state.is_foreign) return state.calls.series(family, values, count);
  notch_series known{0, nullptr};
  if (may_make_no_series()) return client::find_series(family, {values, count}, known), known;
  const shm::KeepErrno keep;
  return client::find_or_make_series(family, {values, count}, client::RegistryLock::Wait::kNot);
}

notch_series make_overflow_now(std::uint32_t family) noexcept {
  if (state.is_foreign || may_make_no_series()) return {0, nullptr};
  const shm::KeepErrno keep;
  return client::find_or_make_overflow(family);
}

bool close_definitions() noexcept {
  if (state.is_foreign) {
    notch_health health;
    state.calls.health(&health);
    // Its own definitions have prepared it by now; only then are its columns there to be found.
    const auto* const hot = static_cast<const notch_hot*>(find_any_symbol("notch_v1_hot"));
    if (hot != nullptr) notch_v1_hot = *hot;
    return hot != nullptr && health.attached != 0;
  }
  client::attach_with_columns(kFirstColumns);
  client::close_growth();
  client::catalogue().close();
  const shm::Segment* const segment = client::attached_segment();
  return segment != nullptr && segment->attached;
}

void attach_before_loss() noexcept {
  if (is_unattached()) attach_child();
}

void attach_before_new_user() noexcept {
  const shm::KeepErrno keep;
  // In a sandbox it would be too late, and a look at the directory may be deadly.
  if (is_in_sandbox() || !is_unattached()) return;
  if (!client::is_directory_open_to_all()) attach_child();
}

void leave_to_children(Reach reach) noexcept {
  const shm::KeepErrno keep;
  if (!state.is_foreign && !is_in_sandbox()) client::leave_segment_to_children(reach);
}

void close_for_sandbox() noexcept {
  // Relaxed, also below: it stands alone.
  shm::write_alone(state.sandboxed, std::uint32_t{1});
  if (!state.is_foreign) client::seal();
}

bool is_in_sandbox() noexcept {
  return shm::read_alone(state.sandboxed) != 0;
}

void note_promise() noexcept {
  shm::write_alone(state.promised, std::uint32_t{1});  // relaxed, also below: it stands alone
}

bool may_be_in_sandbox() noexcept {
  return is_in_sandbox() || shm::read_alone(state.promised) != 0;
}

void end_core() noexcept {
  if (state.is_foreign || !client::is_prepared()) return;
  if (client::attached_segment() == nullptr && has_postponed()) attach_child();
  if (client::attached_segment() == nullptr) return;
  add_postponed();
  if (has_own_segment()) client::end();
}

}  // namespace notch::preload

using notch::preload::attach_child;
using notch::preload::is_dropped;
using notch::preload::is_unattached;
using notch::preload::postponable_cell;
using notch::preload::state;

extern "C" {

// The inline adds come here when their thread has no column.
void notch_v1_add_integer(uint64_t offset, uint64_t amount) {
  if (is_unattached()) {
    notch::client::leave_section();
    const std::uint64_t cell = postponable_cell(offset);
    if (cell < state.postponable_end) {
      notch::shm::add_alone(notch::client::postponed().integers[cell], amount);
      return;
    }
    attach_child();
  }
  if (is_dropped(offset)) return;
  state.calls.add_integer(offset, amount);
}

void notch_v1_add_float(uint64_t offset, double amount) {
  if (is_unattached()) {
    notch::client::leave_section();
    const std::uint64_t cell = postponable_cell(offset);
    if (cell < state.postponable_end) {
      notch::shm::add_float_alone(notch::client::postponed().reals[cell], amount);
      return;
    }
    attach_child();
  }
  state.calls.add_float(offset, amount);
}

uint32_t notch_v1_define(const notch_definition* definition, notch_error* error) {
  return state.calls.define(definition, error);
}
// The definitions': of a label set that is not known yet.
notch_series notch_v1_series(uint32_t family, const notch_text* values, size_t count) {
  if (state.is_foreign) return state.calls.series(family, values, count);
  const notch::shm::KeepErrno keep;
  return notch::client::find_or_make_series(family, {values, count});
}
void notch_v1_set_gauge(uint64_t offset, double value, int mode) {
  state.calls.set_gauge(offset, value, mode);
}
void notch_v1_add_gauge(uint64_t offset, double amount, int mode) {
  state.calls.add_gauge(offset, amount, mode);
}
void notch_v1_drop_not_finite(void) {
  state.calls.drop_not_finite();
}
void notch_v1_drop_negative(void) {
  state.calls.drop_negative();
}
uint64_t notch_v1_native_cell(const void* detail, int32_t index, int negative) {
  return state.calls.native_cell(detail, index, negative);
}
void notch_v1_exemplar(uint64_t offset, double value, const notch_exemplar* exemplar) {
  state.calls.exemplar(offset, value, exemplar);
}
int notch_v1_reserve(size_t cells, size_t label_sets, int seal) {
  return state.calls.reserve(cells, label_sets, seal);
}
void notch_v1_health(notch_health* health) {
  state.calls.health(health);
}

}  // extern "C"
