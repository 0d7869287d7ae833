// Writes this process's identity into a segment's header. Async-signal-safe: a forked child calls it.
// Called by: segment_file.
#pragma once

#include <cstdint>

#include "shm/layout.h"

namespace notch::shm {

// Fills pid, start time, namespace, executable, segment id and the time of creation. A field that the
// system does not tell (no /proc) stays zero. Cost: about 30 us.
void describe_process(SegmentHeader& header) noexcept;

// Fills the boot id, for a segment that a boot may leave behind. Cost: about 12 us.
void describe_boot(SegmentHeader& header) noexcept;

// Writes `value` in decimal, without a zero byte, and returns the end. At most 20 bytes.
char* write_decimal(char* out, std::uint64_t value) noexcept;

}  // namespace notch::shm
