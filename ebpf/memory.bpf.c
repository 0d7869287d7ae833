/* Programs' waits for memory, and the processes that an OOM kill or another fatal signal ends.
 * Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/latency_histogram.bpf.h"
#include "ebpf/memory.h"
#include "ebpf/service_slots.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct memory_constants constants = {0, 0};

struct stalled {
  __u64 since_ns[NOTCH_STALLS];
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct stalled);
} records SEC(".maps");

/* Used where the kernel has no `records`: by thread and kind. An entry lasts as long as its stall. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, __u64);
} since_by_thread SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct stall_row);
} stalls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_SERVICE_SLOTS);
  __type(key, __u32);
  __type(value, struct memory_row);
} rows SEC(".maps");

static __always_inline struct stall_row* own_row(void) {
  __u32 cpu = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&stalls, &cpu);
}

static __always_inline __u64 key_of(__u32 kind) {
  return bpf_get_current_pid_tgid() << 2 | kind; /* the thread's number is in the lower half */
}

static __always_inline int keep_begin(__u32 kind) {
  __u64 now_ns = bpf_ktime_get_ns();
  if (constants.keeps_by_thread) {
    __u64 key = key_of(kind);
    return bpf_map_update_elem(&since_by_thread, &key, &now_ns, BPF_ANY) == 0;
  }
  struct stalled* record =
      bpf_task_storage_get(&records, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (record) record->since_ns[kind] = now_ns;
  return record != 0;
}

/* When the stall began, 0 if that is not known; from now on it is not. */
static __always_inline __u64 take_begin(__u32 kind) {
  __u64 since_ns = 0;
  if (constants.keeps_by_thread) {
    __u64 key = key_of(kind);
    __u64* kept = bpf_map_lookup_elem(&since_by_thread, &key);
    if (!kept) return 0;
    since_ns = *kept;
    bpf_map_delete_elem(&since_by_thread, &key);
    return since_ns;
  }
  struct stalled* record = bpf_task_storage_get(&records, bpf_get_current_task_btf(), 0, 0);
  if (!record) return 0;
  since_ns = record->since_ns[kind];
  record->since_ns[kind] = 0;
  return since_ns;
}

static __always_inline void begin(__u32 kind) {
  if (keep_begin(kind)) return;
  struct stall_row* row = own_row();
  /* Three programs count here, and one can interrupt another. */
  if (row) __sync_fetch_and_add(&row->untracked, 1);
}

static __always_inline void end(__u32 kind) {
  __u64 since_ns = take_begin(kind);
  if (since_ns == 0) return;
  struct stall_row* row = own_row();
  if (row) notch_count_time(&row->time[kind], bpf_ktime_get_ns() - since_ns);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(direct_reclaim_begin) {
  begin(NOTCH_STALL_RECLAIM);
  return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(direct_reclaim_end) {
  end(NOTCH_STALL_RECLAIM);
  return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memcg_reclaim_begin) {
  begin(NOTCH_STALL_GROUP_RECLAIM);
  return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memcg_reclaim_end) {
  end(NOTCH_STALL_GROUP_RECLAIM);
  return 0;
}

/* The kernel's own compaction thread stalls nobody. */
static __always_inline bool is_kernel_thread(void) {
  const struct task_struct* task = (const struct task_struct*)bpf_get_current_task();
  return BPF_CORE_READ(task, flags) & 0x00200000 /* PF_KTHREAD */;
}

SEC("tp_btf/mm_compaction_begin")
int BPF_PROG(compaction_begin) {
  if (!is_kernel_thread()) begin(NOTCH_STALL_COMPACTION);
  return 0;
}

SEC("tp_btf/mm_compaction_end")
int BPF_PROG(compaction_end) {
  end(NOTCH_STALL_COMPACTION);
  return 0;
}

SEC("tp_btf/mark_victim")
int mark_victim(__u64* context) {
  __u32 tgid;
  if (constants.victim_is_pid) {
    tgid = context[0];
  } else {
    tgid = ((struct task_struct*)context[0])->tgid;
  }
  __u32 key = row_of_process(tgid);
  struct memory_row* row = bpf_map_lookup_elem(&rows, &key);
  if (row) row->oom_kills += 1;
  return 0;
}

/* When a process's last thread ends, its exit code has the signal, if it was one. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct* task) {
  __u32 signal = task->exit_code & 0x7f;
  if (signal == 0 || signal >= NOTCH_SIGNALS || task->signal->live.counter != 0) return 0;
  __u32 key = row_of_process(task->tgid);
  struct memory_row* row = bpf_map_lookup_elem(&rows, &key);
  if (row) row->fatal_signals[signal] += 1;
  return 0;
}
