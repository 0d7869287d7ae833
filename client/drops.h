// Counts what is dropped, by reason: in the segment, or in wiped memory before there is one.
// Called by: abi.cc, registry, series_index; process when it attaches.
//
// Invariants
//   DO1  Nothing counted before a segment is lost: attaching moves it there.
//   DO2  Async-signal-safe, no lock; two threads may count at once.
#pragma once

#include <cstdint>

#include "shm/layout.h"
#include "shm/segment_file.h"

namespace notch::client {

// Counts `count` drops.
void drop(shm::DropReason reason, std::uint64_t count = 1) noexcept;

// All drops, over all reasons. REQUIRES: prepare().
std::uint64_t dropped() noexcept;

// Moves the drops counted before this segment into it. REQUIRES: the registry's lock is held.
void move_early_drops(shm::Segment& segment) noexcept;

}  // namespace notch::client
