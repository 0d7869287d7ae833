/* Births, programs and ends of processes. Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/latency_histogram.bpf.h"
#include "ebpf/process.h"
#include "ebpf/service_slots.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_SERVICE_SLOTS);
  __type(key, __u32);
  __type(value, struct process_row);
} rows SEC(".maps");

static __always_inline struct process_row* row_of(struct task_struct* task) {
  __u32 key = row_of_process(task->tgid);
  return bpf_map_lookup_elem(&rows, &key);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* parent, struct task_struct* child) {
  struct process_row* row = row_of(parent);
  if (!row) return 0;
  if (child->tgid == parent->tgid) {
    row->threads_created += 1;
  } else {
    row->processes_created += 1;
  }
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct* task) {
  struct process_row* row = row_of(task);
  if (row) row->programs_executed += 1;
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct* task) {
  if (task->signal->live.counter != 0) return 0; /* others of its threads live */
  struct process_row* row = row_of(task);
  if (row) notch_count_time(&row->lifetime, bpf_ktime_get_ns() - task->group_leader->start_time);
  return 0;
}
