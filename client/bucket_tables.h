// Makes the look-up tables that the inline observes use, from bounds or a schema.
// Called by: registry, once per family (classic) or per series (native).
#pragma once

#include <cstdint>
#include <span>

#include "client/include/notch/bucket_table.h"
#include "client/include/notch/native_table.h"
#include "client/private_memory.h"

namespace notch::client {

// Null if there is no memory. REQUIRES: bounds are finite, strictly increasing, 1 to 256.
const BucketTable* make_bucket_table(std::span<const double> bounds,
                                     PrivateMemory& memory) noexcept;

// Chunks start empty. Null if there is no memory. REQUIRES: schema -4..8, 2^-1000 <=
// zero_threshold.
NativeTable* make_native_table(std::int32_t schema, double zero_threshold,
                               PrivateMemory& memory) noexcept;

}  // namespace notch::client
