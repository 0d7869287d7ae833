/* A histogram of times: where a time is counted, and how the row lies in a map. Read by: the x.h of
 * every probe that times something, from both sides; latency_histogram.bpf.h counts,
 * counter_rows.cc reads.
 *
 * The buckets are Prometheus's native ones of schema 2: bucket i holds the times in
 * (2^((i-1)/4), 2^(i/4)] seconds, so that an upper bound is inclusive and every fourth is a power
 * of two.
 *
 * Invariants
 *   LH1  Bounded: the buckets lie between 2^-22 s (238 ns) and 2^6 s. A shorter time counts as
 *        zero, a longer one in the last bucket; the sum has each in full.
 *   LH2  There is no cell for the count: it is the sum of the buckets, whenever they are read.
 */
#pragma once

#include "ebpf/words.h"

enum {
  NOTCH_TIME_SCHEMA = 2,
  NOTCH_TIME_FLOOR_LOG2 = -22,
  NOTCH_TIME_OCTAVES = 28,
  /* bucket[0]: zero, all up to the floor; bucket[b]: the native bucket 4 * floor + b */
  NOTCH_TIME_BUCKETS = 4 * NOTCH_TIME_OCTAVES + 1,
};

struct latency_histogram {
  __u64 bucket[NOTCH_TIME_BUCKETS];
  __u64 sum_ns;
};
