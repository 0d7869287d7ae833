// The outcomes of reading a segment's bytes.
// Called by: segment_reader, catalogue_follower, and whoever counts what they reject.
#pragma once

#include <cstdint>

namespace notch::shm {

// What stands in the way of reading a segment; the agent counts rejected segments by it.
enum class Fault : std::uint8_t {
  kNone = 0,
  kTooShort,        // shorter than a header: not a segment, or cut off
  kNotASegment,     // magic differs
  kOtherByteOrder,  // written by a machine of the other byte order
  kNewerVersion,    // a major version this reader does not know
  kBadGeometry,     // offsets, strides or capacities that do not fit the file or the limits
  kBadRecord,       // a catalogue record that breaks a rule of FORMAT.md
  kTooMany,         // more families, series or cells than the limits allow
};

// The rule's name as used in the `reason` label; never null.
const char* fault_name(Fault fault) noexcept;

}  // namespace notch::shm
