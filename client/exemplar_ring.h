// The writer of a segment's exemplar ring.
// Called by: abi.cc.
#pragma once

#include <cstdint>

#include "client/include/notch/abi.h"
#include "shm/layout.h"

namespace notch::client {

// Writes one exemplar over the oldest. False if another thread is writing that very slot; then
// nothing is written. Async-signal-safe, wait-free. The reader is SegmentReader::exemplars.
bool write_exemplar(std::byte* segment, std::uint32_t cell, double value,
                    const notch_exemplar& exemplar) noexcept;

}  // namespace notch::client
