// The outcomes of reading a segment's bytes.
// Called by: segment_reader, catalogue_follower, and whoever counts what they reject.
#pragma once

#include <cstdint>

namespace notch::shm {

// The reason why a segment cannot be read; the agent counts rejected segments by it. kNone: it can.
// Nothing here says that there is no file: the caller, who opens it, knows that.
enum class Fault : std::uint8_t {
  kNone = 0,
  kBeingBuilt,    // no magic yet: its writer stores that last
  kNewerVersion,  // a major version later than this reader's
  kOlderVersion,  // a major version before this reader's

  // Corrupt, or never a segment.
  kTooShort,        // shorter than a header, or than its header says
  kNotASegment,     // magic differs
  kOtherByteOrder,  // written by a machine of the other byte order
  kBadGeometry,     // offsets, strides or capacities that do not fit the file or the limits
  kBadRecord,       // a catalogue record that breaks a rule of FORMAT.md
  kTooMany,         // more families, series or cells than the limits allow
};

// The rule's name as used in the `reason` label; never null.
const char* fault_name(Fault fault) noexcept;

}  // namespace notch::shm
