/* What the cpu probe counts. Read by: both its sides. */
#pragma once

#include "ebpf/service_slots.h"

enum {
  NOTCH_CGROUP_SLOTS = 512, /* 0: all cgroups that have no slot */
  NOTCH_CGROUP_PROBES = 16, /* the slots in which a cgroup may be */
  /* A row a service, then one a cgroup, then one for each service in a cgroup. */
  NOTCH_CPU_CGROUPS = NOTCH_SERVICE_SLOTS,
  NOTCH_CPU_PAIRS = NOTCH_CPU_CGROUPS + NOTCH_CGROUP_SLOTS,
  NOTCH_CPU_ROWS = NOTCH_CPU_PAIRS + NOTCH_CGROUP_SLOTS,
};

/* Sums over tasks that live (map `living`, filled by the iterator), or have ended (map `gone`, a
 * set of rows for each processor). */
struct cpu_row {
  __u64 run_ns;
  __u64 wait_ns;
  __u64 tasks;
  __u64 padding;
};

/* The owner of a row from NOTCH_CPU_CGROUPS on: the iterator takes a free row, and the agent, which
 * runs no two at a time, gives it back. */
struct cgroup_slot {
  __u64 id;          /* 0: nobody's */
  __u64 service;     /* its slot; 0 in rows that are a cgroup's alone */
  __u64 member_tgid; /* a process in it when the iterator last passed, by which its path is found */
};

struct cpu_constants {
  __u32 by_cpu_controller; /* the cgroup of the cpu controller (cgroup v1), not of the v2 tree */
  __u32 padding;
};
