// How a segment of this process is to be, and its birth.
// Called by: process, under the lock.
//
// Invariants
//   B1  A plan takes a share of what RLIMIT_AS leaves, and holds what is registered already twice;
//       a whole one holds just what is registered and reserved, with memory from the start.
//   B2  Why there is no segment is kept in it (system_errno), and said if NOTCH_DEBUG is set.
#pragma once

#include <cstdint>

#include "client/settings.h"
#include "shm/segment_file.h"

namespace notch::client {

// Room to grow, for at least `least_columns`. REQUIRES: prepare(), and the catalogue is prepared.
shm::SegmentPlan plan_segment(const Settings& settings, std::uint32_t least_columns) noexcept;

// Of a process that defines nothing more: nothing grows later, and there are at most
// `most_columns`.
// REQUIRES: as plan_segment().
shm::SegmentPlan plan_whole_segment(const Settings& settings, std::uint32_t least_columns,
                                    std::uint32_t most_columns) noexcept;

// A segment that the agent can read. False if there can be none.
bool make_segment(const shm::SegmentPlan& plan, shm::Segment& segment) noexcept;

// Closes the descriptor by which another thread of the parent was making the segment when this
// child was forked.
void close_inherited_birth(shm::Segment& segment) noexcept;

}  // namespace notch::client
