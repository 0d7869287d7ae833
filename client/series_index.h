// Finds the series of a family and label values, in a table that readers walk without a lock.
// Called by: abi.cc.
//
// Invariants
//   SI1  A slot goes once from 0 to an entry that is complete. [tag: series-slot]
//   SI2  find_series() takes no lock, allocates nothing and is async-signal-safe.
#pragma once

#include <cstdint>
#include <span>

#include "client/include/notch/abi.h"
#include "client/include/notch/native_table.h"
#include "client/registry_lock.h"

namespace notch::client {

// The series of a label set that is known. Errno is as it was.
bool find_series(std::uint32_t family, std::span<const notch_text> values,
                 notch_series& series) noexcept;

// The series, made if it is new; the overflow series or the null handle by the rules of family.h.
notch_series find_or_make_series(std::uint32_t family, std::span<const notch_text> values,
                                 RegistryLock::Wait wait = RegistryLock::Wait::kForIt) noexcept;

// The family's overflow series, for a caller that may not wait: if the lock is not free, this gives the
// null handle and counts nothing as dropped, as find_or_make_series() does with Wait::kNot.
notch_series find_or_make_overflow(std::uint32_t family) noexcept;

// The byte offset of bucket `index`, its chunk made if it is new; 0 if there is no room. In a
// signal handler whose thread holds the lock: that of a parked cell, see parked.h; 0 too if there is
// none free, or no segment.
std::uint64_t find_or_make_bucket(const NativeTable& table, std::int32_t index,
                                  bool negative) noexcept;

// The same for a caller that holds the lock.
std::uint64_t make_bucket_locked(const NativeTable& table, std::int32_t index,
                                 bool negative) noexcept;

// Makes sure that this many new series need no system call.
bool reserve_series(std::uint64_t cells, std::uint64_t label_sets) noexcept;

}  // namespace notch::client
