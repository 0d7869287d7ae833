// Plans a segment of this process, and makes it.
// Called by: process, under the lock.
//
// Invariants
//   BR1  A plan takes a share of the address space that RLIMIT_AS leaves, and has room for twice what is
//        registered already. A whole plan has room for exactly what is registered and reserved, with
//        memory from the start.
//   BR2  The reason why there is no segment is kept in it (system_errno), and printed if NOTCH_DEBUG is
//        set.
#pragma once

#include <cstdint>

#include "client/settings.h"
#include "shm/segment_file.h"

namespace notch::client {

// A plan with room to grow and at least `least_columns`. REQUIRES: prepare(), and the catalogue is
// prepared.
shm::SegmentPlan plan_segment(const Settings& settings, std::uint32_t least_columns) noexcept;

// The plan of a process that defines nothing more: nothing grows later, and there are at most
// `most_columns`.
// REQUIRES: as plan_segment().
shm::SegmentPlan plan_whole_segment(const Settings& settings, std::uint32_t least_columns,
                                    std::uint32_t most_columns) noexcept;

// Makes a segment that the agent can read. False if that is not possible.
bool make_segment(const shm::SegmentPlan& plan, shm::Segment& segment) noexcept;

// Closes the descriptor through which another thread of the parent was making the segment when this
// child was forked.
void close_inherited_birth(shm::Segment& segment) noexcept;

}  // namespace notch::client
