// A segment's catalogue, bound to rows of the tally as it grows: followed, or read anew from its
// beginning. Called by: collect, deaths.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/collect/anew_budget.h"
#include "agent/collect/collect_options.h"
#include "agent/collect/collect_stats.h"
#include "agent/collect/live_segment.h"
#include "agent/collect/living_segments.h"
#include "agent/segments/segment_quota.h"
#include "agent/tally/binder.h"
#include "agent/tally/tally.h"

namespace notch::agent {

// The rule that the file breaks by what its header claims, as of now; null if it breaks none. Begins a
// round of the reader's.
const char* claims_fault(LiveSegment& segment);

class SegmentReading {
 public:
  SegmentReading(const CollectOptions& options, Tally& tally, const SegmentQuota& quota,
                 LivingSegments& living, CollectStats& stats)
      : options_(options), tally_(tally), quota_(quota), living_(living), stats_(stats) {}

  std::unique_ptr<Binding> new_binding(const LiveSegment& segment) const;

  // Binds what the catalogue has more than before. After an exception (no memory) the segment is
  // `half_followed`, and has to be read anew.
  shm::Fault follow(LiveSegment& segment, const Moment& now);

  // Binds all of it again, instead of what was bound. Families and series that were left out before
  // were counted as conflicts then, and are not again.
  shm::Fault read_anew(LiveSegment& segment, const Moment& now);

  // Whether the owner's account has not had too much of that lately.
  bool may_read_anew(const LiveSegment& segment) const;
  void begin_sweep(std::uint64_t now_s) { anew_.begin_sweep(now_s); }
  bool is_sweep_over() const noexcept { return anew_.is_sweep_over(); }

  // What a user has room for now.
  Room room_of(std::uint32_t uid) const;

 private:
  void update_usage(LiveSegment& segment);

  const CollectOptions& options_;
  Tally& tally_;
  const SegmentQuota& quota_;
  LivingSegments& living_;
  CollectStats& stats_;
  AnewBudget anew_;
};

}  // namespace notch::agent
