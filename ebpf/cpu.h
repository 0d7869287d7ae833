/* What the cpu probe counts. Read by: both its sides. */
#pragma once

#include "ebpf/service_slots.h"

enum {
  NOTCH_CGROUP_SLOTS = 512, /* 0: all cgroups for which none was left */
  NOTCH_CGROUP_PROBES = 8,  /* how many slots a cgroup's id is looked for in */
  NOTCH_CPU_ROWS =
      NOTCH_SERVICE_SLOTS + NOTCH_CGROUP_SLOTS, /* a row a service, then one a cgroup */
};

/* Of tasks that are there (map `living`, filled by the iterator), or that are gone (map `gone`, a
 * set of rows for each processor). */
struct cpu_row {
  __u64 run_ns;
  __u64 wait_ns;
};

/* A slot's cgroup: written by the iterator alone, which one reader runs at a time. */
struct cgroup_slot {
  __u64 id;
  __u64 member_tgid; /* a process in it when the iterator last passed, by which its path is found */
};

struct cpu_constants {
  __u32 by_cpu_controller; /* the cgroup of the cpu controller (cgroup v1), not of the v2 tree */
  __u32 padding;
};
