#include "client/parked.h"

#include "shm/memory_order.h"

namespace notch::client {

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

}  // namespace notch::client
