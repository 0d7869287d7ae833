#include "agent/collect/intake.h"

#include <utility>

#include "agent/collect/segment_reading.h"

namespace notch::agent {
namespace {

Refusal refusal_of(Reject reject) noexcept {
  switch (reject) {
    case Reject::kNone:
      return Refusal::kNone;
    case Reject::kAbsent:
    case Reject::kGone:
      return Refusal::kGone;
    case Reject::kUnreadable:
    case Reject::kNotMapped:
      return Refusal::kNotWhole;
    default:
      return Refusal::kFaulty;
  }
}

}  // namespace

std::unique_ptr<LiveSegment> Intake::open(int directory_fd, const std::string& name,
                                          const Moment& now) {
  Candidate candidate = examine(directory_fd, name, now);
  const LiveSegment& segment = *candidate.segment;
  switch (candidate.refusal) {
    case Refusal::kNotWhole:
      refusals_.wait_until_whole(name, segment, candidate.reason);
      return nullptr;
    case Refusal::kNoRoom:
      refusals_.wait_for_room(name, segment, candidate.reason);
      return nullptr;
    case Refusal::kGone:
    case Refusal::kKnown:
      refusals_.forget_waiting(name);
      return nullptr;
    case Refusal::kFaulty:
      refusals_.forget_waiting(name);
      refusals_.reject(directory_fd, name, candidate.reason, segment.reader, now.boot_s);
      return nullptr;
    case Refusal::kNone:
      break;
  }
  refusals_.forget_waiting(name);
  return std::move(candidate.segment);
}

Candidate Intake::examine(int directory_fd, const std::string& name, const Moment& now) {
  Candidate candidate{std::make_unique<LiveSegment>()};
  LiveSegment& segment = *candidate.segment;
  segment.directory_fd = directory_fd;
  const auto refuse = [&candidate](Refusal refusal, const char* reason) {
    candidate.refusal = refusal;
    candidate.reason = reason;
    return std::move(candidate);
  };
  const Reject reject = segment.file.open(directory_fd, name, options_.map_limits);
  if (reject != Reject::kNone) return refuse(refusal_of(reject), reject_name(reject));
  if (is_known(segment.file, directory_fd)) return refuse(Refusal::kKnown, nullptr);
  const shm::Fault fault = segment.reader.attach(segment.file.bytes(), options_.reader_limits);
  if (fault == shm::Fault::kBeingBuilt) {
    return refuse(Refusal::kNotWhole, shm::fault_name(fault));
  }
  if (fault != shm::Fault::kNone) return refuse(Refusal::kFaulty, shm::fault_name(fault));
  if (const char* reason = claims_fault(segment)) return refuse(Refusal::kFaulty, reason);
  if (const char* limit = lacking_room(segment, now)) return refuse(Refusal::kNoRoom, limit);
  return candidate;
}

// A file that was given another name is read already, or folded: taken as new, it would count
// twice.
bool Intake::is_known(const MappedSegment& named, int directory_fd) {
  if (deaths_.remove_if_folded(named)) return true;
  LiveSegment* const known = living_.find(named.identity());
  if (known == nullptr) return false;
  living_.rename(*known, named.identity().file_name, directory_fd);
  return true;
}

// The limit that one more would break; null: none. What lingers gives way to it.
const char* Intake::lacking_room(const LiveSegment& segment, const Moment& now) {
  const char* limit = nullptr;
  do {
    limit = quota_.refusal(segment.file.owner_uid(), segment.reader.claimed_bytes(),
                           segment.file.bytes().size());
  } while (limit != nullptr && deaths_.remove_oldest_lingering(now));
  return limit;
}

}  // namespace notch::agent
