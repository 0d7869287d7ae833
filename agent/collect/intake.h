// A name of the directory becomes a segment that can be taken, or is refused. Called by: collect.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/collect/collect_options.h"
#include "agent/collect/deaths.h"
#include "agent/collect/live_segment.h"
#include "agent/collect/living_segments.h"
#include "agent/collect/refusals.h"
#include "agent/segments/segment_quota.h"

namespace notch::agent {

enum class Refusal : std::uint8_t {
  kNone,
  kGone,      // the name leads to no file any more
  kKnown,     // the file is read already, or folded, under another name
  kNotWhole,  // it could not be opened or mapped, or is being built: tried again from time to time
  kNoRoom,    // it would break a limit: tried again once there is room
  kFaulty,    // it breaks a rule: looked at again when it has changed
};

// What one name led to. `reason`: the rule or the limit, from kNotWhole on.
struct Candidate {
  std::unique_ptr<LiveSegment> segment;
  Refusal refusal = Refusal::kNone;
  const char* reason = nullptr;
};

class Intake {
 public:
  Intake(const CollectOptions& options, const SegmentQuota& quota, LivingSegments& living,
         Deaths& deaths, Refusals& refusals)
      : options_(options), quota_(quota), living_(living), deaths_(deaths), refusals_(refusals) {}

  // The segment under that name, without a service and a binding yet; null: refused, and remembered as
  // its refusal wants. Cost: about 20 system calls and one map.
  std::unique_ptr<LiveSegment> open(int directory_fd, const std::string& name, const Moment& now);

 private:
  Candidate examine(int directory_fd, const std::string& name, const Moment& now);
  bool is_known(const MappedSegment& named, int directory_fd);
  const char* lacking_room(const LiveSegment& segment, const Moment& now);

  const CollectOptions& options_;
  const SegmentQuota& quota_;
  LivingSegments& living_;
  Deaths& deaths_;
  Refusals& refusals_;
};

}  // namespace notch::agent
