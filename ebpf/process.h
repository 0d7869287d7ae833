/* What the process probe counts: one row for each processor and service. Read by: both its sides.
 */
#pragma once

#include "ebpf/latency_histogram.h"

struct process_row {
  struct latency_histogram lifetime; /* of processes that ended; their number is its count */
  __u64 processes_created;
  __u64 threads_created;
  __u64 programs_executed;
  __u64 padding[3];
};
