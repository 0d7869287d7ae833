// A process that had to count in private memory gets its segment after all.
// Called by: process, under the lock, with signals held back.
//
// Invariants
//   A1  Between forget and publish no add goes to either place: adders wait for the lock.
//   A2  An add of a library call that held the old address before that is lost, if it lands behind
//       the copy: a few instructions of a process that was counting for nobody.
//       So is one in a section before Linux 5.10, which cannot end the sections of all threads.
#pragma once

#include "client/process.h"
#include "shm/segment_file.h"

namespace notch::client {

// When the next try may be made. Inherited by a forked child, which makes its own first try anyway.
class RetryClock {
 public:
  // A try has failed: the next one is due in a second, and after each failure twice as late.
  void failed() noexcept;
  bool is_due() const noexcept;

 private:
  std::uint64_t next_ns_ = 0;
  std::uint64_t wait_ns_ = 0;
};

// Ends every add that is in a restartable section with a column loaded. REQUIRES: no column is
// left to load.
void end_sections() noexcept;

// Copies every column and the drops. False if there is no memory for a column.
bool copy_counts(const shm::Segment& from, shm::Segment& to, std::uint64_t cells) noexcept;

}  // namespace notch::client
