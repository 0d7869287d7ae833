/* Gives a new process its parent's service, before it runs, and counts the tasks of each service
 * when the agent asks whether a slot is free again. Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/service_slots.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_SERVICE_SLOTS);
  __type(key, __u32);
  __type(value, __u64);
} slot_tasks SEC(".maps");

SEC("iter/task")
int tasks_of_slots(struct bpf_iter__task* context) {
  struct task_struct* task = context->task;
  if (!task) return 0;
  __u32 slot = slot_of_process(task->tgid);
  __u64* tasks = bpf_map_lookup_elem(&slot_tasks, &slot);
  if (tasks) *tasks += 1;
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* parent, struct task_struct* child) {
  __u32 tgid = child->tgid;
  if (tgid == (__u32)parent->tgid) return 0; /* a thread */
  __u32 line_number = tgid / NOTCH_SLOTS_PER_LINE;
  struct service_line* line = bpf_map_lookup_elem(&service_slots, &line_number);
  if (line) line->slot[tgid % NOTCH_SLOTS_PER_LINE] = slot_of_process(parent->tgid);
  return 0;
}
