/* Gives a new process its parent's service, before it runs. Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/service_slots.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* parent, struct task_struct* child) {
  __u32 tgid = child->tgid;
  if (tgid == (__u32)parent->tgid) return 0; /* a thread */
  __u32 line_number = tgid / NOTCH_SLOTS_PER_LINE;
  struct service_line* line = bpf_map_lookup_elem(&service_slots, &line_number);
  if (line) line->slot[tgid % NOTCH_SLOTS_PER_LINE] = slot_of_process(parent->tgid);
  return 0;
}
