#include "shm/fault.h"

namespace notch::shm {

const char* fault_name(Fault fault) noexcept {
  switch (fault) {
    case Fault::kNone:
      return "none";
    case Fault::kBeingBuilt:
      return "being_built";
    case Fault::kTooShort:
      return "too_short";
    case Fault::kNotASegment:
      return "not_a_segment";
    case Fault::kOtherByteOrder:
      return "other_byte_order";
    case Fault::kNewerVersion:
      return "newer_version";
    case Fault::kOlderVersion:
      return "older_version";
    case Fault::kBadGeometry:
      return "bad_geometry";
    case Fault::kBadRecord:
      return "bad_record";
    case Fault::kTooMany:
      return "too_many";
  }
  return "unknown";
}

}  // namespace notch::shm
