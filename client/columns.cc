#include "client/columns.h"

#include <cstddef>

#include "client/counting_mode.h"
#include "client/include/notch/cell.h"
#include "client/registry_lock.h"
#include "client/seal.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

// By the id of the mode.
void** own_columns() noexcept {
  return wiped()->columns + (counts_by_cpu() ? kColumnsByCpu : 0);
}

// Stores the column if the process's columns are still those of the segment at `base`. A signal
// handler may fork at any instruction, and the child, which has no columns, then goes on with the
// operation of its parent's thread. The kernel restarts the section after a handler, so that no fork
// comes between the check and the store. Nothing is stored if a handler comes each time.
//
// Release: the column's memory is there before anyone adds to it. The acquire is the address
// dependency of the section in cell.h, which loads the pointer and then uses it.
// [tag: column-pointer]
#ifdef NOTCH_RSEQ
void store_column(void*& entry, std::byte* column, const std::byte* base) noexcept {
  std::uint32_t restarts = NOTCH_RSEQ_RESTARTS;
  asm volatile goto(
      NOTCH_RSEQ_SECTION("movq (%[base_now]), %%rax\n\tcmpq %[base], %%rax\n\tjne %l[slow]\n\t",
                         "movq %[column], (%[entry])")
      : [restarts] "+r"(restarts)
      : [rseq] "r"(notch_v1_hot.rseq_offset), [base_now] "r"(&wiped()->columns_base),
        [base] "r"(base), [column] "r"(column), [entry] "r"(&entry)
      : "rax", "cc", "memory"
      : slow);
slow:
  return;
}
#else
void store_column(void*&, std::byte*, const std::byte*) noexcept {}
#endif

void commit_column_of(std::int32_t id, shm::Segment& segment) noexcept {
  if (id < 0 || id >= static_cast<std::int32_t>(shm::kMaxColumns) - 1) return;
  const auto index = static_cast<std::uint32_t>(id) + 1;
  void*& entry = own_columns()[id];
  const std::byte* const base = segment.memory.base();
  std::byte* const column = segment.column(index);
  if (shm::read_alone(entry) != nullptr || !shm::commit_column(segment, index)) return;
  store_column(entry, column, base);
}

void commit_running_column(shm::Segment& segment) noexcept {
  if (counts_by_rseq()) commit_column_of(column_id(), segment);
}

}  // namespace

void publish_columns(shm::Segment& segment) noexcept {
  Wiped& own = *wiped();
  shm::publish(notch_v1_hot.columns, own.columns);  // [tag: column-pointer]
  // [tag: attached] Publishes the segment's fields; else a thread that finds the segment could go
  // by one that is not written yet.
  shm::publish(own.segment, &segment);
  // Relaxed is enough: it is read under the lock alone.
  shm::write_alone(own.columns_base, const_cast<const std::byte*>(segment.memory.base()));
  commit_running_column(segment);
  // [tag: column-pointer] Publishes the column's memory, as store_column() does; else a thread that
  // finds the pointer could add where there is no memory yet.
  shm::publish(own.columns[NOTCH_SHARED_COLUMN], static_cast<void*>(segment.column(0)));
}

void take_columns(const shm::Segment& old) noexcept {
  shm::write_alone(wiped()->columns_base, static_cast<const std::byte*>(nullptr));
  for (std::uint32_t id = 0; id + 1 < old.column_capacity; ++id) {
    // Relaxed is enough: a thread that reads null takes the lock next, and reads nothing else.
    shm::write_alone(own_columns()[id], static_cast<void*>(nullptr));
  }
  shm::write_alone(wiped()->columns[NOTCH_SHARED_COLUMN], static_cast<void*>(nullptr));
}

void commit_columns(std::uint32_t ids, shm::Segment& segment) noexcept {
  for (std::uint32_t id = 0; id < ids && id + 1 < segment.column_capacity; ++id)
    commit_column_of(static_cast<std::int32_t>(id), segment);
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

}  // namespace notch::client
