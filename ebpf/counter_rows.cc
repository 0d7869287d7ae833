#include "ebpf/counter_rows.h"

namespace notch::ebpf {

TimeHistogram time_histogram(const latency_histogram& row) {
  TimeHistogram histogram;
  histogram.zero_count = row.bucket[0];
  histogram.sum_s = seconds(row.sum_ns);
  for (int bucket = 1; bucket < NOTCH_TIME_BUCKETS; ++bucket) {
    if (row.bucket[bucket] == 0) continue;
    histogram.buckets.emplace_back(4 * NOTCH_TIME_FLOOR_LOG2 + bucket, row.bucket[bucket]);
  }
  return histogram;
}

}  // namespace notch::ebpf
