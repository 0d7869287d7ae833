#include "agent/expose/native_spans.h"

namespace notch::agent {
namespace {

constexpr std::int32_t kBridgedGap = 2;

}  // namespace

void encode_spans(NativeBuckets buckets, NativeSpans& out) {
  out.spans.clear();
  out.deltas.clear();
  std::uint64_t before = 0;
  std::int32_t next_index = 0;
  const auto append = [&](std::uint64_t population) {
    out.deltas.push_back(static_cast<std::int64_t>(population - before));
    ++out.spans.back().length;
    before = population;
  };
  for (const auto& [index, population] : buckets) {
    const std::int32_t gap = index - next_index;
    if (out.spans.empty() || gap > kBridgedGap) {
      out.spans.push_back({gap, 0});
    } else {
      for (std::int32_t i = 0; i < gap; ++i) append(0);
    }
    append(population);
    next_index = index + 1;
  }
}

}  // namespace notch::agent
