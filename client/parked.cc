#include "client/parked.h"

#include "client/drops.h"
#include "client/series_index.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

// Takes the value of a cell, over all columns, and leaves zero. REQUIRES: nobody adds to it.
std::uint64_t empty_cell(shm::Segment& segment, std::uint32_t cell) noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t column = 0; column < segment.column_capacity; ++column) {
    if (!shm::column_in_use(segment, column)) continue;
    std::byte* const word = segment.column(column) + cell * shm::kCellBytes;
    sum += shm::take_all(*reinterpret_cast<std::uint64_t*>(word));
  }
  return sum;
}

}  // namespace

bool any_parked(const Parked& parked) noexcept {
  return shm::read_alone(parked.count) != 0;
}

std::uint64_t park(Parked& parked, const ParkedBucket& wanted) noexcept {
  std::uint32_t count = shm::read_alone(parked.count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const ParkedBucket& entry = parked.buckets[i];
    if (shm::read_alone(entry.table) == wanted.table && entry.bucket == wanted.bucket &&
        entry.negative == wanted.negative) {
      return (kFirstParkedCell + i) * shm::kCellBytes;
    }
  }
  // The entry is claimed before it is filled: another handler that comes in between claims the next one.
  do {
    if (count == kParkedBuckets) return 0;
  } while (!shm::exchange_alone(parked.count, count, count + 1));
  ParkedBucket& entry = parked.buckets[count];
  entry.bucket = wanted.bucket;
  entry.negative = wanted.negative;
  shm::write_alone(entry.table, wanted.table);
  return (kFirstParkedCell + count) * shm::kCellBytes;
}

void settle_parked(Parked& parked) noexcept {
  shm::Segment* const segment = attached_segment();
  for (std::uint32_t i = 0;;) {
    std::uint32_t count = shm::read_alone(parked.count);
    if (i == count || segment == nullptr) {
      if (shm::exchange_alone(parked.count, count, std::uint32_t{0})) return;
      continue;
    }
    // A handler may come at any point here. It does not park for a bucket that is made by now, nor does
    // it use an entry without a table. So nobody adds to the cell when it is emptied.
    ParkedBucket& entry = parked.buckets[i];
    const std::uint64_t bucket =
        make_bucket_locked(*entry.table, entry.bucket, entry.negative != 0);
    shm::write_alone(entry.table, static_cast<const NativeTable*>(nullptr));
    const std::uint64_t observations = empty_cell(*segment, kFirstParkedCell + i);
    if (bucket == 0) {
      drop(shm::DropReason::kNoCells, observations);
    } else {
      shm::add_alone(*reinterpret_cast<std::uint64_t*>(segment->column(0) + bucket), observations);
    }
    ++i;
  }
}

}  // namespace notch::client
