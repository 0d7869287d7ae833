/* How long runnable tasks waited for a processor, from one hook and without a map of wake-ups: when
 * the scheduler picks a task, the task still says when it was queued, on the clock of its run
 * queue. Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/latency_histogram.bpf.h"
#include "ebpf/runqueue.h"
#include "ebpf/service_slots.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_SERVICE_SLOTS);
  __type(key, __u32);
  __type(value, struct runqueue_row);
} rows SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  /* Zero: the idle task, or a task that was not queued since it last ran. */
  __u64 queued_ns = next->sched_info.last_queued;
  if (queued_ns == 0) return 0;
  __u64 now_ns = next->se.cfs_rq->rq->clock;
  __u32 key = row_of_process(next->tgid);
  struct runqueue_row* row = bpf_map_lookup_elem(&rows, &key);
  if (row && now_ns >= queued_ns) notch_count_time(&row->wait, now_ns - queued_ns);
  return 0;
}
