/* Counts a time in a latency_histogram. Called by: the programs; tests compile it for user space
 * too.
 *
 * Without a loop or a table: the octave by comparing shifts, the quarter by three constants.
 */
#pragma once

#include "ebpf/latency_histogram.h"

/* 2^(1/4), 2^(2/4) and 2^(3/4), times 2^63. */
#define NOTCH_QUARTER_1 10968499650544839023ULL
#define NOTCH_QUARTER_2 13043817825332782212ULL
#define NOTCH_QUARTER_3 15511800964685064948ULL

static __attribute__((always_inline)) inline unsigned notch_time_bucket(__u64 ns) {
  /* In units of 2^-32 s, where the bounds are powers of two: ns * 2^32 / 10^9, less by at most two
   * units, which is half a ns. 2^32 / 10^9 is 4 + 79179680 / 2^28 + 9943 / 2^42; up to 2^36 ns
   * nothing overflows. */
  if (ns >= (1ULL << 36)) return NOTCH_TIME_BUCKETS - 1;
  __u64 units = 4 * ns + (ns * 79179680ULL >> 28) + (ns * 9943ULL >> 42);
  unsigned octave = 0;
  __u64 rest = units;
  if (units <= (1ULL << (32 + NOTCH_TIME_FLOOR_LOG2))) return 0;
  if (rest >> 32) rest >>= 32, octave += 32;
  if (rest >> 16) rest >>= 16, octave += 16;
  if (rest >> 8) rest >>= 8, octave += 8;
  if (rest >> 4) rest >>= 4, octave += 4;
  if (rest >> 2) rest >>= 2, octave += 2;
  if (rest >> 1) octave += 1;
  __u64 mantissa = units << (63 - octave);
  unsigned quarter = 0;
  if (mantissa > (1ULL << 63)) quarter += 1;
  if (mantissa > NOTCH_QUARTER_1) quarter += 1;
  if (mantissa > NOTCH_QUARTER_2) quarter += 1;
  if (mantissa > NOTCH_QUARTER_3) quarter += 1;
  unsigned bucket = 4 * (octave - (32 + NOTCH_TIME_FLOOR_LOG2)) + quarter;
  return bucket < NOTCH_TIME_BUCKETS ? bucket : NOTCH_TIME_BUCKETS - 1;
}

static __attribute__((always_inline)) inline void notch_count_time(struct latency_histogram* row,
                                                                   __u64 ns) {
  unsigned bucket = notch_time_bucket(ns);
  if (bucket < NOTCH_TIME_BUCKETS) row->bucket[bucket] += 1;
  row->sum_ns += ns;
}
