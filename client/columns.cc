#include "client/columns.h"

#include <cstddef>

#include "client/counting_mode.h"
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

}  // namespace

void publish_columns(shm::Segment& segment) noexcept {
  Wiped& own = *wiped();
  shm::publish(notch_v1_hot.columns, own.columns);  // [tag: column-pointer]
  shm::publish(own.segment, &segment);              // [tag: attached]
  commit_running_column(segment);
  // [tag: column-pointer] As commit_column_of().
  shm::publish(own.columns[NOTCH_SHARED_COLUMN], static_cast<void*>(segment.column(0)));
}

void take_columns(const shm::Segment& old) noexcept {
  for (std::uint32_t id = 0; id + 1 < old.column_capacity; ++id) {
    // Relaxed is enough: what is read on the strength of a null is the lock.
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
