/* Processor time and run-queue wait of every task, by service and by cgroup, to the nanosecond.
 * What lives is added up by an iterator when the agent looks, at no cost to the tasks; what is gone
 * was added when its task_struct was given back, with all it ever used. Compiled by:
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
  __uint(max_entries, NOTCH_CGROUP_SLOTS);
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

/* 0 if it has none. With `member_tgid` a free one is taken, and the member noted. */
static __always_inline __u32 slot_of_cgroup(__u64 id, __u32 member_tgid) {
  __u32 hashed = (id * 0x9E3779B97F4A7C15ULL) >> 32;
  for (__u32 probe = 0; probe < NOTCH_CGROUP_PROBES; ++probe) {
    __u32 slot = (hashed + probe) % NOTCH_CGROUP_SLOTS;
    struct cgroup_slot* entry = bpf_map_lookup_elem(&cgroups, &slot);
    if (!entry || slot == 0) continue;
    if (entry->id == 0 && member_tgid) entry->id = id;
    if (entry->id != id) continue;
    if (member_tgid) entry->member_tgid = member_tgid;
    return slot;
  }
  return 0;
}

static __always_inline void add_to(void* map, __u32 key, struct task_struct* task) {
  struct cpu_row* row = bpf_map_lookup_elem(map, &key);
  if (!row) return;
  row->run_ns += task->se.sum_exec_runtime;
  row->wait_ns += task->sched_info.run_delay;
}

SEC("iter/task")
int living_tasks(struct bpf_iter__task* context) {
  struct task_struct* task = context->task;
  if (!task) return 0;
  add_to(&living, slot_of_process(task->tgid), task);
  add_to(&living, NOTCH_SERVICE_SLOTS + slot_of_cgroup(cgroup_id_of(task), task->tgid), task);
  return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct* task) {
  __u32 first = bpf_get_smp_processor_id() * NOTCH_CPU_ROWS;
  add_to(&gone, first + slot_of_process(task->tgid), task);
  add_to(&gone, first + NOTCH_SERVICE_SLOTS + slot_of_cgroup(cgroup_id_of(task), 0), task);
  return 0;
}
