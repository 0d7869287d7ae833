/* Processor time and run-queue wait of every task, by service, by cgroup and by both, to the
 * nanosecond.
 * An iterator adds up the living tasks when the agent looks, at no cost to them; an ended task was
 * added, with all the time it ever used, when its task_struct was freed. Compiled by:
 * ebpf/compile_object.
 *
 * Not sched_process_exit: a task still runs after it, giving its memory back for milliseconds. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/cpu.h"
#include "ebpf/service_slots.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct cpu_constants constants = {0, 0};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_CPU_ROWS);
  __type(key, __u32);
  __type(value, struct cpu_row);
} living SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_CPU_ROWS);
  __type(key, __u32);
  __type(value, struct cpu_row);
} gone SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 2 * NOTCH_CGROUP_SLOTS);
  __type(key, __u32);
  __type(value, struct cgroup_slot);
} cgroups SEC(".maps");

static __always_inline __u64 cgroup_id_of(struct task_struct* task) {
  if (constants.by_cpu_controller) {
    return task->cgroups->subsys[bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id)]
        ->cgroup->kn->id;
  }
  return task->cgroups->dfl_cgrp->kn->id;
}

/* The cgroup's slot in `cgroups`, from `first` on; `first` if it has none. With `member_tgid` it is
 * given a free slot if it has none, and the member is noted. */
static __always_inline __u32 slot_of_cgroup(__u32 first, __u64 id, __u64 service,
                                            __u32 member_tgid) {
  __u32 hashed = ((id + service * 0xD6E8FEB86659FD93ULL) * 0x9E3779B97F4A7C15ULL) >> 32;
  for (__u32 probe = 0; probe < NOTCH_CGROUP_PROBES; ++probe) {
    __u32 slot = first + (hashed + probe) % NOTCH_CGROUP_SLOTS;
    struct cgroup_slot* entry = bpf_map_lookup_elem(&cgroups, &slot);
    if (!entry || slot == first || entry->id != id || entry->service != service) continue;
    if (member_tgid) entry->member_tgid = member_tgid;
    return slot;
  }
  if (!member_tgid) return first;
  for (__u32 probe = 0; probe < NOTCH_CGROUP_PROBES; ++probe) {
    __u32 slot = first + (hashed + probe) % NOTCH_CGROUP_SLOTS;
    struct cgroup_slot* entry = bpf_map_lookup_elem(&cgroups, &slot);
    if (!entry || slot == first || entry->id != 0) continue;
    entry->service = service;
    entry->member_tgid = member_tgid;
    entry->id = id;
    return slot;
  }
  return first;
}

static __always_inline void add_to(void* map, __u32 key, struct task_struct* task) {
  struct cpu_row* row = bpf_map_lookup_elem(map, &key);
  if (!row) return;
  row->run_ns += task->se.sum_exec_runtime;
  row->wait_ns += task->sched_info.run_delay;
  row->tasks += 1;
}

/* To its service's, its cgroup's and, if it is an attached service's, both's. */
static __always_inline void add_to_all(void* map, __u32 first, struct task_struct* task,
                                       __u32 member_tgid) {
  __u32 service = slot_of_process(task->tgid);
  __u64 id = cgroup_id_of(task);
  add_to(map, first + service, task);
  first += NOTCH_CPU_CGROUPS;
  add_to(map, first + slot_of_cgroup(0, id, 0, member_tgid), task);
  if (service == NOTCH_SLOT_UNATTACHED) return;
  add_to(map, first + slot_of_cgroup(NOTCH_CGROUP_SLOTS, id, service, member_tgid), task);
}

SEC("iter/task")
int living_tasks(struct bpf_iter__task* context) {
  struct task_struct* task = context->task;
  if (task) add_to_all(&living, 0, task, task->tgid);
  return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct* task) {
  add_to_all(&gone, bpf_get_smp_processor_id() * NOTCH_CPU_ROWS, task, 0);
  return 0;
}
