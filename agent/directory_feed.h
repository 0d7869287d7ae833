// From the directory of segments to collect: hands on which names came and went, and takes the directory back when it was lost.
// Called by: daemon.
//
// Invariants
//   DX1  After an exception, which may have come between a name's telling and its taking, tell_anew() makes up for it: the next
//        take_changes() is told of all that is there.
#pragma once

#include <cstdint>
#include <string>

#include "agent/collect/collect.h"
#include "agent/segments/segment_directory.h"
#include "agent/tally/tally_options.h"

namespace notch::agent {

// Says in the log what is dangerous about the directory.
void warn_of(const DirectoryResult& opened, const std::string& path);

class DirectoryFeed {
 public:
  DirectoryFeed(SegmentDirectory& directory, Collect& collect)
      : directory_(directory), collect_(collect) {}

  void take_changes();
  void tell_anew();

  // If the directory is lost, tries to take it back. Mapped segments are still counted, whether it comes back or not.
  void regain(const Moment& now);
  // Removes what writers left half-born, and closes former directories that nothing is in any more.
  void tidy(const Moment& now);

  bool is_lost() const noexcept { return loss_ != Loss::kNone; }
  std::uint64_t regained() const noexcept { return regained_; }

 private:
  void tell_loss();
  void drop_former();

  SegmentDirectory& directory_;
  Collect& collect_;
  Loss loss_ = Loss::kNone;
  bool told_loss_ = false;
  std::uint64_t next_loss_boot_s_ = 0;
  std::uint64_t regained_ = 0;
  std::string last_message_;  // why a listing failed
};

}  // namespace notch::agent
