// The segments whose numbers are in the sums as they stand: those of living processes, and of the dead
// until their folds are in the ledger. Found by name and by file; charged to their owners.
// Called by: intake, segment_reading, deaths, collect.
//
// Invariants
//   LV1  A segment is in from announce() on, in the list from add() on, and out from leave() on. What it
//        was charged with and its part in a service go with it.
//   LV2  leave() moves nothing, so that it may be called in a walk over the list: it leaves a null there,
//        which drop_left() takes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/collect/collect_stats.h"
#include "agent/collect/live_segment.h"
#include "agent/files/keyed_hash.h"
#include "agent/segments/segment_identity.h"
#include "agent/segments/segment_quota.h"
#include "agent/services/service_owners.h"

namespace notch::agent {

class LivingSegments {
 public:
  using List = std::vector<std::unique_ptr<LiveSegment>>;

  LivingSegments(SegmentQuota& quota, ServiceOwners& owners, CollectStats& stats)
      : quota_(quota), owners_(owners), stats_(stats) {}

  // In the order of arrival. Null: left since drop_left().
  const List& all() const noexcept { return list_; }

  // Room for so many more, so that add() throws nothing.
  void reserve(std::size_t more);
  // It is known by its file, and charged with what it claims.
  void announce(LiveSegment& segment);
  // Undoes announce() of one that add() did not get. `now_s`: its service has been idle since.
  void withdraw(const LiveSegment& segment, std::uint64_t now_s) noexcept;
  void add_name(LiveSegment& segment);
  // REQUIRES: reserve(), announce().
  void add(std::unique_ptr<LiveSegment> segment) noexcept;
  // Charges its owner with another usage.
  void charge(LiveSegment& segment, const SegmentUsage& after);

  bool has_name(const std::string& name) const { return by_name_.contains(name); }
  // Null if there is none.
  LiveSegment* find(const SegmentIdentity& identity) const;

  // Its file has another name now, in this directory.
  void rename(LiveSegment& segment, const std::string& name, int directory_fd);
  // The name leads to it no more; it is read on.
  void lose_name(const std::string& name);
  void lose_names();

  // `now_s`: as above.
  void leave(LiveSegment& segment, std::uint64_t now_s);
  // Once for all that left: each costs the same however many there are.
  void drop_left();

  // True if any left since the last call.
  bool take_room_came() noexcept { return std::exchange(room_came_, false); }

 private:
  SegmentQuota& quota_;
  ServiceOwners& owners_;
  CollectStats& stats_;
  List list_;
  bool any_left_ = false;
  bool room_came_ = false;
  NameMap<LiveSegment*> by_name_;
  std::unordered_map<SegmentIdentity, LiveSegment*, SegmentIdentityHash> by_identity_;
};

}  // namespace notch::agent
