// A native histogram's buckets in the form the protobuf wants: spans and deltas.
// Called by: exposition_protobuf.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/family/classic_buckets.h"

namespace notch::agent {

struct NativeSpan {
  std::int32_t offset = 0;  // the first: an index; later ones: empty buckets since the last span
  std::uint32_t length = 0;
};

struct NativeSpans {
  std::vector<NativeSpan> spans;
  std::vector<std::int64_t> deltas;  // to the bucket before, whatever span it stands in
};

// Fills `out`, reusing its memory. Gaps of one or two empty buckets are bridged by zeros, which
// take fewer bytes than a span of their own. REQUIRES: buckets are plausible().
void encode_spans(NativeBuckets buckets, NativeSpans& out);

}  // namespace notch::agent
