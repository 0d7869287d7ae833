// The exported calls of abi.h, for everything that inline code cannot do itself.
// Called by: the public headers, c_api.cc.
#include <errno.h>
#include <time.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "client/add_by_cpu.h"
#include "client/catalogue.h"
#include "client/columns.h"
#include "client/counting_mode.h"
#include "client/drops.h"
#include "client/exemplar_ring.h"
#include "client/include/notch/abi.h"
#include "client/process.h"
#include "client/registry.h"
#include "client/registry_lock.h"
#include "client/seal.h"
#include "client/series_index.h"
#include "client/wiped.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

using notch::client::drop;
using notch::shm::DropReason;
using notch::shm::KeepErrno;
namespace shm = notch::shm;
namespace client = notch::client;

namespace {

std::uint64_t& word_at(void* column, std::uint64_t offset) noexcept {
  return *reinterpret_cast<std::uint64_t*>(static_cast<std::byte*>(column) + offset);
}

// Column 0 of an attached process, null otherwise. No call, nothing that changes errno.
void* column_0() noexcept {
  void** const columns = shm::observe(notch_v1_hot.columns);  // [tag: column-pointer]
  return shm::observe(columns[NOTCH_SHARED_COLUMN]);          // [tag: column-pointer]
}

// The cell in column 0, attaching if need be; null if there is none.
std::uint64_t* shared_word(std::uint64_t offset) noexcept {
  if (void* const column = column_0(); column != nullptr) [[likely]]
    return &word_at(column, offset);
  const KeepErrno keep;
  std::byte* const shared = client::shared_column();
  return shared == nullptr ? nullptr : &word_at(shared, offset);
}

// The word for an add whose section found no column. The next add may then have a column.
[[gnu::noinline]] std::uint64_t* word_after_section(std::uint64_t offset) noexcept {
  const KeepErrno keep;
  client::leave_section();
  std::byte* const shared = client::shared_column();
  if (shared == nullptr) return nullptr;
  client::adopt_column();
  return &word_at(shared, offset);
}

// Without restartable sections every add comes here, and finds its cell in a few instructions.
std::uint64_t* word_to_add_to(std::uint64_t offset) noexcept {
  if (!client::counts_by_rseq()) [[likely]] {
    if (void* const column = column_0(); column != nullptr) [[likely]]
      return &word_at(column, offset);
  }
  return word_after_section(offset);
}

// Coarse, because under SECCOMP_MODE_STRICT the fine clocks' time stamp counter is forbidden.
std::uint64_t coarse_monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void stamp(std::uint64_t* word, int mode) noexcept {
  // [tag: gauge-time] Publishes the value stored before it; else the agent could show an older
  // value as the one of this time.
  if (mode == NOTCH_GAUGE_LAST) shm::publish(word[1], coarse_monotonic_ns());
}

}  // namespace

extern "C" {

uint32_t notch_v1_define(const notch_definition* definition, notch_error* error) {
  const KeepErrno keep;
  notch_error unused;
  notch_error& result = error != nullptr ? *error : unused;
  std::memset(&result, 0, sizeof result);
  if (definition == nullptr || !client::prepare()) {
    result.code = definition == nullptr ? NOTCH_INVALID_ARGUMENT : NOTCH_NO_SPACE;
    std::strcpy(result.message,
                definition == nullptr ? "no definition given" : "no memory to count in");
    return 0;
  }
  return client::define_family(*definition, result);
}

notch_series notch_v1_series(uint32_t family, const notch_text* values, size_t count) {
  notch_series known;
  if (client::find_series(family, {values, count}, known)) [[likely]]
    return known;
  const KeepErrno keep;
  return client::find_or_make_series(family, {values, count});
}

void notch_v1_add_integer(uint64_t offset, uint64_t amount) {
  if (client::counts_by_cpu() && client::add_by_cpu(offset, amount)) return;
  if (std::uint64_t* const word = word_to_add_to(offset); word != nullptr) [[likely]]
    shm::add_alone(*word, amount);
}

void notch_v1_add_float(uint64_t offset, double amount) {
  if (client::counts_by_cpu() && client::add_by_cpu(offset, amount)) return;
  if (std::uint64_t* const word = word_to_add_to(offset); word != nullptr) [[likely]]
    shm::add_float_alone(*word, amount);
}

void notch_v1_set_gauge(uint64_t offset, double value, int mode) {
  client::leave_section();
  if (!std::isfinite(value)) return drop(DropReason::kNotFinite);
  std::uint64_t* const word = shared_word(offset);
  if (word == nullptr) return;
  shm::write_alone(*word, std::bit_cast<std::uint64_t>(value) ^ shm::kGaugeMask);
  stamp(word, mode);
}

void notch_v1_add_gauge(uint64_t offset, double amount, int mode) {
  if (!std::isfinite(amount)) return drop(DropReason::kNotFinite);
  std::uint64_t* const word = shared_word(offset);
  if (word == nullptr) return;
  std::uint64_t before = shm::read_alone(*word);
  for (;;) {
    const double value = before == 0 ? 0.0 : std::bit_cast<double>(before ^ shm::kGaugeMask);
    const double sum = value + amount;
    if (!std::isfinite(sum)) return drop(DropReason::kNotFinite);
    if (shm::exchange_alone(*word, before, std::bit_cast<std::uint64_t>(sum) ^ shm::kGaugeMask))
      break;
  }
  stamp(word, mode);
}

void notch_v1_drop_not_finite(void) {
  drop(DropReason::kNotFinite);
}
void notch_v1_drop_negative(void) {
  drop(DropReason::kNegative);
}

uint64_t notch_v1_native_cell(const void* detail, int32_t index, int negative) {
  const KeepErrno keep;
  return client::find_or_make_bucket(*static_cast<const notch::NativeTable*>(detail), index,
                                     negative != 0);
}

void notch_v1_exemplar(uint64_t offset, double value, const notch_exemplar* exemplar) {
  if (offset < shm::kFirstFreeCell * shm::kCellBytes || exemplar == nullptr) return;
  shm::Segment* const segment = client::attached_segment();
  if (segment == nullptr) return;
  const auto cell = static_cast<std::uint32_t>(offset / shm::kCellBytes);
  if (!client::write_exemplar(segment->memory.base(), cell, value, *exemplar))
    drop(DropReason::kExemplarBusy);
}

int notch_v1_reserve(size_t cells, size_t label_sets, int seal) {
  const KeepErrno keep;
  if (!client::prepare()) return -1;
  client::attach(client::Attach::kAgain);
  const client::RegistryLock lock;
  if (!lock || !client::may_define_locked()) return -1;
  const bool reserved = client::reserve_series(cells, label_sets);
  if (seal != 0) client::seal();
  return reserved ? 0 : -1;
}

void notch_v1_health(notch_health* health) {
  const KeepErrno keep;
  std::memset(health, 0, sizeof *health);
  if (!client::prepare()) {
    health->system_errno = ENOMEM;
    return;
  }
  client::attach(client::Attach::kAgain);
  const client::RegistryLock lock;
  const shm::Segment* const segment = lock ? client::attach_locked() : nullptr;
  health->rseq = client::counts_by_rseq() ? 1 : 0;
  health->dropped = client::dropped();
  if (segment == nullptr) return;
  health->attached = segment->attached ? 1 : 0;
  health->on_disk = segment->on_disk ? 1 : 0;
  health->system_errno = segment->system_errno;
  std::memcpy(health->path, segment->path, sizeof health->path);
}

}  // extern "C"
