// The segment files that were refused for want of room, until there is room for them: what piled up
// while no agent ran, or comes faster than it is folded.
// Called by: collect.
//
// Invariants
//   WF1  A file's refusal is counted once, however often it is tried again.
//   WF2  Every file that waits is tried once there is room, each user's in the order of arrival. As
//        many are kept as there are: their names are in the directory, and remembered there too.
//   WF3  What one user's limits keep out holds up no other user's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/files/keyed_hash.h"
#include "agent/segments/segment_quota.h"

namespace notch::agent {

class WaitingFiles {
 public:
  // The file waits from now on, behind the others of its owner's account; none: it could not be opened
  // or is not whole yet.
  // True if this file did not wait before, under this name.
  bool add(const std::string& name, std::uint64_t inode, std::optional<std::uint32_t> account);

  // The name is gone, or no longer waits. Cost: one hash.
  void forget(const std::string& name);

  void forget_all();

  // Names to be tried, at most as many as there are places for; each is to be followed by add() or
  // forget().
  std::vector<std::string> next(const SegmentQuota& quota);

  // The same for those without an owner.
  std::vector<std::string> next_unopened(std::size_t most);

  std::size_t count() const noexcept { return files_.size(); }

 private:
  using Queue = std::map<std::uint64_t, std::string>;  // by arrival
  struct Waiting {
    std::uint64_t inode = 0;
    std::optional<std::uint32_t> account;
    std::uint64_t arrival = 0;  // 0: handed out
  };

  void leave_queue(const Waiting& waiting);
  void hand_out(Queue& queue, std::size_t most, std::vector<std::string>& names);

  NameMap<Waiting> files_;
  std::map<std::optional<std::uint32_t>, Queue> queues_;  // by owner; none is empty
  std::uint64_t arrivals_ = 0;
};

}  // namespace notch::agent
