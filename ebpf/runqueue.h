/* What the runqueue probe counts: one row for each processor and service. Read by: both its sides.
 */
#pragma once

#include "ebpf/latency_histogram.h"

struct runqueue_row {
  struct latency_histogram wait;
  __u64 padding[6]; /* whole cache lines: a processor writes into none of another's */
};
