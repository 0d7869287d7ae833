// The library that keeps this process's numbers: our own copy of the client, or libnotch.so if the
// program has it, so that a process has one segment and one registry. And what a process without a
// segment, a freshly forked child, does with its counts.
// Called by: life.cc, sandbox.cc; core.cc has the calls of abi.h that every handle makes.
//
// Invariants
//   COR1  The columns of the first concurrency ids have memory before a wrapper counts; later ids count
//         in column 0. What grows afterwards are the columns themselves, a page each, when label sets
//         are made that the last page had no room for; never in a process that may be about to set a
//         filter, where there is what make_room_for_label_sets() got.
//   COR2  A forked child makes a segment at its first count that is not postponable, or at its end in
//         order. What it only allocated, locked or started before is kept in memory that the
//         next fork wipes, and added then: a child that soon calls exec pays nothing.
//   COR3  After close_for_sandbox() neither this process nor a child of it makes a system call of
//         ours.
//   COR4  A child that can make no segment counts in the one that its nearest forebear left to it
//         (client/inherited_segment.h), if one knew that the directory would be lost: label sets that
//         the forebear had not made count as overflow, up-down counters are dropped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/process.h"
#include "client/wiped.h"
#include "notch/abi.h"

namespace notch::preload {

// Chooses the library and prepares it. False: there is nothing to count with.
bool begin_core() noexcept;

// Counts of the families defined so far may be postponed (COR2); those of later families are not.
void end_of_postponable() noexcept;

// An up-down counter's cell (COR4). REQUIRES: fewer than kMostGauges were noted.
void note_gauge(std::uint64_t offset) noexcept;

// Address space for label sets that are made while the program runs, of all modules, and memory for
// the first of them. Before close_definitions().
struct LabelRoom {
  std::size_t cells = 0;
  std::size_t label_sets = 0;
};
void reserve_label_sets(const LabelRoom& room) noexcept;

// Memory for the next label sets, and no more by a system call from then on.
void make_room_for_label_sets() noexcept;

// A label set, and a family's overflow series, while the program runs: no waiting, and a system call
// for each column only where a page is full, until the system has refused one. The null handle if it
// cannot be made now. With the program's own libnotch.so, making one waits for the program's other
// threads, and there is no overflow series to be had.
notch_series make_series_now(std::uint32_t family, const notch_text* values,
                             std::size_t count) noexcept;
notch_series make_overflow_now(std::uint32_t family) noexcept;

// All is defined. False: there is no segment that anybody would read.
bool close_definitions() noexcept;

// The system calls that make a segment may soon be forbidden, or the directory out of reach: makes it
// now.
void attach_before_loss() noexcept;
// The same if another user might not make one in the directory.
void attach_before_new_user() noexcept;
// It is out of reach, or may be (COR4). Not in a sandbox: that is one system call.
using client::Reach;
void leave_to_children(Reach reach) noexcept;
void close_for_sandbox() noexcept;
bool is_in_sandbox() noexcept;
// The process has given up new privileges: from then on a filter may be set by a call that we do
// not see.
void note_promise() noexcept;
bool may_be_in_sandbox() noexcept;

// The process ends in order.
void end_core() noexcept;

}  // namespace notch::preload
