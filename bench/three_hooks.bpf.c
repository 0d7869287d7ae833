/* Run-queue latency as it is usually taken: each wake-up is noted in a hash map, by thread, and
 * looked for when the thread is picked. It is measured beside the probe of one hook, and counts in
 * the same histogram. Compiled by: ebpf/compile_object. Loaded by: ebpf_bench. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/latency_histogram.bpf.h"
#include "ebpf/runqueue.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum { kHashMap = 1 /* BPF_MAP_TYPE_HASH */, kMostWaiting = 10240, kMostProcessors = 1024 };

/* Before Linux 5.14 the field has no underscores. */
struct task_struct___state {
  unsigned int __state;
} __attribute__((preserve_access_index));
struct task_struct___before_5_14 {
  long state;
} __attribute__((preserve_access_index));

struct {
  __uint(type, kHashMap);
  __uint(max_entries, kMostWaiting);
  __type(key, __u32);
  __type(value, __u64);
} woken_ns SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, kMostProcessors);
  __type(key, __u32);
  __type(value, struct runqueue_row);
} rows SEC(".maps");

static __always_inline void note(struct task_struct* task) {
  __u32 thread = task->pid;
  if (thread == 0) return;
  __u64 now_ns = bpf_ktime_get_ns();
  bpf_map_update_elem(&woken_ns, &thread, &now_ns, 0);
}

static __always_inline bool wants_to_run(struct task_struct* task) {
  struct task_struct___state* now = (void*)task;
  if (bpf_core_field_exists(now->__state)) return BPF_CORE_READ(now, __state) == 0;
  return BPF_CORE_READ((struct task_struct___before_5_14*)task, state) == 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct* task) {
  note(task);
  return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct* task) {
  note(task);
  return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  if (wants_to_run(prev)) note(prev);
  __u32 thread = next->pid;
  __u64* since_ns = bpf_map_lookup_elem(&woken_ns, &thread);
  if (!since_ns) return 0;
  __u64 time_ns = bpf_ktime_get_ns() - *since_ns;
  __u32 cpu = bpf_get_smp_processor_id();
  struct runqueue_row* row = bpf_map_lookup_elem(&rows, &cpu);
  if (row) notch_count_time(&row->wait, time_ns);
  bpf_map_delete_elem(&woken_ns, &thread);
  return 0;
}
