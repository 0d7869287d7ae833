// The files that are no living segments: those that break a rule are remembered, those that there is
// no room for or that are not whole yet wait. Each refusal is counted by its reason, and the last one told.
// Called by: intake, deaths, collect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/collect/collect_stats.h"
#include "agent/collect/live_segment.h"
#include "agent/files/accounts.h"
#include "agent/segments/rejected_files.h"
#include "agent/segments/segment_quota.h"
#include "agent/segments/waiting_files.h"

namespace notch::agent {

class Refusals {
 public:
  Refusals(Accounts* accounts, CollectStats& stats) : accounts_(accounts), stats_(stats) {}

  // All reasons must live for ever.

  // The file breaks a rule: it is looked at again when it has changed.
  void reject(int directory_fd, const std::string& name, const char* reason,
              const shm::SegmentReader& reader, std::uint64_t now_boot_s);
  // The same of a file that is not to be looked at again; and without counting it.
  void count(const std::string& name, const char* reason, const shm::SegmentReader& reader);
  void tell(const std::string& name, const char* reason, const shm::SegmentReader& reader);
  // The file is tried again once its owner's account has room.
  void wait_for_room(const std::string& name, const LiveSegment& segment, const char* reason);
  // The file is tried again from time to time: it could not be opened, or is not whole yet.
  void wait_until_whole(const std::string& name, const LiveSegment& segment, const char* reason);

  // The name is gone, or leads to another file by now.
  void forget(const std::string& name);
  void forget_waiting(const std::string& name) { waiting_.forget(name); }
  void forget_rejected(const std::string& name) { rejected_.forget(name); }
  void forget_all();

  // Names to be tried again. Each is answered by one of the calls above, or taken.
  std::vector<std::string> names_with_room(const SegmentQuota& quota) {
    return waiting_.next(quota);
  }
  std::vector<std::string> names_not_whole(std::size_t most) {
    return waiting_.next_unopened(most);
  }
  // Removes rejected files that serve nobody; gives the names of those that have changed.
  std::vector<std::string> look_again(int directory_fd, std::uint64_t now_boot_s);

  // Writes what there is now.
  void add_to(CollectStats& stats) const;

 private:
  void wait(const std::string& name, const LiveSegment& segment, const char* reason,
            std::optional<std::uint32_t> account);

  Accounts* const accounts_;
  CollectStats& stats_;
  RejectedFiles rejected_;
  WaitingFiles waiting_;
};

}  // namespace notch::agent
