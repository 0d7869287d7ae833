// The private memory of a process, in one mapping: a part that a fork wipes, and room for data that a
// fork keeps. Called by: process, registry_lock; the preloaded library for postponed counts.
//
// Invariants
//   WI1  There is none before the first definition, or the first add through a null handle.
//   WI2  Wiped is MADV_WIPEONFORK memory: a forked child, raw clone included, finds it all zero,
//        so no column, no lock held, not attached. Everything else is inherited as it was.
//   WI3  Under RLIMIT_AS it is a small share of the program's address space, however small that is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/column_entries.h"
#include "client/parked.h"
#include "shm/layout.h"
#include "shm/segment_file.h"

namespace notch::client {

// The counts, by cell, of a child that has no segment yet and may never need one.
inline constexpr std::uint64_t kPostponedCells = 512;
struct Postponed {
  std::uint64_t integers[kPostponedCells];
  std::uint64_t reals[kPostponedCells];  // the bits of doubles
};

// Zero after a fork.
struct Wiped {
  std::uint64_t lock;                            // the holder's thread pointer, 0: free
  std::uint64_t early_drops[shm::kDropReasons];  // of the time before a segment
  shm::Segment* segment;                         // null: not tried, or no memory at all
  std::uint32_t failed;                          // 1: tried, and there was no memory at all
  std::uint32_t inherited;        // 1: `segment` is a forebear's (inherited_segment.h)
  const std::byte* columns_base;  // under the lock: of the segment that `columns` are of
  Parked parked;                  // under the lock
  // Adds read here: the columns are in cache lines where nothing is written, and the first columns are
  // in a page with the fields above.
  alignas(64) void* columns[kColumnEntries];
  Postponed postponed;  // the preloaded library's alone
};

// Null if there is no private memory.
Wiped* wiped() noexcept;

// The segment if this process is attached, else null. Does not attach.
shm::Segment* attached_segment() noexcept;

// Makes the private memory if there is none; false if there can be none. Async-signal-safe.
bool prepare() noexcept;
bool is_prepared() noexcept;

// The last prepare() found no memory: an add need not try again, a definition may.
bool is_without_memory() noexcept;

// Room for one label set while it is made valid.
inline constexpr std::uint64_t kLabelTextBytes =
    std::uint64_t{shm::kMaxLabels} * shm::kMaxLabelValueBytes * 3;

// The parts of it that a child inherits: the series' first slots behind the number of them, the first
// block of the tables and label_text, all zeroed and usable whole; and the log, of which the first
// kFirstLogBytes are usable. REQUIRES: prepared.
struct PrivateParts {
  std::uint64_t* series_slots;
  std::byte* tables;
  std::uint64_t tables_bytes;
  char* label_text;
  std::byte* log;
  std::uint64_t log_bytes;
};
PrivateParts private_parts() noexcept;

// One part of the address space that a program under RLIMIT_AS can spare; without a limit, all.
std::uint64_t spare_address_space() noexcept;

// The same for memory that it may write to by itself, which RLIMIT_DATA limits too.
std::uint64_t spare_private_memory() noexcept;

// REQUIRES: prepared.
Postponed& postponed() noexcept;

}  // namespace notch::client
