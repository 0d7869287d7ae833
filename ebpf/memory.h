/* What the memory probe counts. Read by: both its sides. */
#pragma once

#include "ebpf/latency_histogram.h"

enum {
  NOTCH_STALL_RECLAIM = 0,       /* because the host's memory is short */
  NOTCH_STALL_GROUP_RECLAIM = 1, /* because a cgroup is at its limit */
  NOTCH_STALL_COMPACTION = 2,
  NOTCH_STALLS = 3,
  NOTCH_SIGNALS = 65, /* by number; 0 is not used */
};

/* Map `stalls`: a row a processor. */
struct stall_row {
  struct latency_histogram time[NOTCH_STALLS];
  __u64 untracked; /* no memory for the task's record: likely, where memory is short */
  __u64 padding[1];
};

/* Map `rows`: a row for each processor and service. */
struct memory_row {
  __u64 fatal_signals[NOTCH_SIGNALS];
  __u64 oom_kills;
  __u64 padding[6];
};

struct memory_constants {
  __u32 victim_is_pid;   /* mark_victim tells a process id, not a task (before Linux 6.9) */
  __u32 keeps_by_thread; /* nothing may be kept with a task (before Linux 5.12) */
};
