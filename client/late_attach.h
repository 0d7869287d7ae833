// A process that had to count in private memory gets its segment after all.
// Called by: process, under the lock, with signals held back.
//
// Invariants
//   LA1  Between take_columns() and publish_columns() no add goes to either place: adders wait for the
//        lock.
//   LA2  A library call that holds an address in the old columns from before take_columns() loses its add
//        if it stores after the copy: that is a window of a few instructions. Before Linux 5.10, which
//        cannot end the sections of all threads, an add in a section can be lost in the same way.
//   LA3  A segment has its name before the counts are in it, and an agent may read it at once. So nothing
//        is copied that might have to be taken back: it would be counted a second time later.
#pragma once

#include <cstdint>

#include "shm/segment_file.h"

namespace notch::client {

// How long to wait after a try that failed: a second at first, then twice as long as before, and
// never more than about a minute, so that a process that has waited for a day attaches soon too.
inline constexpr std::uint64_t kLongestWaitNs = 64'000'000'000;
constexpr std::uint64_t wait_after(std::uint64_t wait_before_ns) noexcept {
  if (wait_before_ns == 0) return 1'000'000'000;
  return wait_before_ns < kLongestWaitNs / 2 ? wait_before_ns * 2 : kLongestWaitNs;
}

// When the next try may be made. Inherited by a forked child, which makes its own first try anyway.
class RetryClock {
 public:
  // A try has failed: the next one is due after wait_after().
  void failed() noexcept;
  bool is_due() const noexcept;

 private:
  std::uint64_t next_ns_ = 0;
  std::uint64_t wait_ns_ = 0;
};

// Ends every add that is in a restartable section with a column loaded. REQUIRES: no column is
// left to load.
void end_sections() noexcept;

// Gives `to` the columns that `from` has, empty. False if there is no memory for one.
bool commit_columns_of(const shm::Segment& from, shm::Segment& to) noexcept;

// Copies every column and the drops. REQUIRES: commit_columns_of().
void copy_counts(const shm::Segment& from, shm::Segment& to, std::uint64_t cells) noexcept;

}  // namespace notch::client
