// Observations of a signal handler whose own thread holds the registry's lock: the handler can
// neither make the run of buckets it needs nor wait for it. It counts in a cell that belongs to no
// series, and the lock's holder moves the count to its bucket before it releases the lock.
// Called by: series_index, which parks and moves the counts; registry_lock, which has them moved.
//
// Invariants
//   PK1  Only a handler that interrupts the lock's holder, on the holder's thread, writes an entry. So
//        the holder finds every entry complete when it runs again.
//   PK2  Entry k counts in cell kFirstParkedCell + k, which is zero when the entry is free.
#pragma once

#include <cstdint>

#include "client/include/notch/native_table.h"
#include "shm/layout.h"

namespace notch::client {

inline constexpr std::uint32_t kFirstParkedCell = shm::kNullGaugeCell + 1;
inline constexpr std::uint32_t kParkedBuckets = shm::kFirstFreeCell - kFirstParkedCell;

struct ParkedBucket {
  const NativeTable* table;
  std::int32_t bucket;
  std::uint32_t negative;
};

struct Parked {
  std::uint32_t count;  // entries in use, from the first on
  std::uint32_t reserved;
  ParkedBucket buckets[kParkedBuckets];
};

// The byte offset of a cell for this bucket; 0 if all are taken. REQUIRES: the running thread holds the
// lock, in a frame below this one.
std::uint64_t park(Parked& parked, const ParkedBucket& wanted) noexcept;

// True if the lock's holder has counts to move.
bool any_parked(const Parked& parked) noexcept;

}  // namespace notch::client
