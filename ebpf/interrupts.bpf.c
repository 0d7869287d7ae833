/* Time and number of soft and hard interrupts. Neither is nested in its own kind; the time of a hard
 * one inside a soft one is counted as hard alone. Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/interrupts.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct interrupts_row);
} rows SEC(".maps");

static __always_inline struct interrupts_row* own_row(void) {
  __u32 cpu = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&rows, &cpu);
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq_entry) {
  struct interrupts_row* row = own_row();
  if (!row) return 0;
  row->softirq_hardirq_ns = row->all_hardirq_ns;
  row->softirq_since_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(softirq_exit, unsigned int vector) {
  struct interrupts_row* row = own_row();
  if (!row || vector >= NOTCH_SOFTIRQS) return 0;
  row->softirqs[vector] += 1;
  if (row->softirq_since_ns == 0) return 0;
  __u64 all_ns = bpf_ktime_get_ns() - row->softirq_since_ns;
  __u64 hard_ns = row->all_hardirq_ns - row->softirq_hardirq_ns;
  row->softirq_ns[vector] += all_ns > hard_ns ? all_ns - hard_ns : 0;
  row->softirq_since_ns = 0;
  return 0;
}

static __always_inline int hardirq_begins(void) {
  struct interrupts_row* row = own_row();
  if (row) row->hardirq_since_ns = bpf_ktime_get_ns();
  return 0;
}

static __always_inline int hardirq_ends(__u32 kind) {
  struct interrupts_row* row = own_row();
  if (!row) return 0;
  row->hardirqs[kind] += 1;
  if (row->hardirq_since_ns == 0) return 0;
  __u64 time_ns = bpf_ktime_get_ns() - row->hardirq_since_ns;
  row->hardirq_ns[kind] += time_ns;
  row->all_hardirq_ns += time_ns;
  row->hardirq_since_ns = 0;
  return 0;
}

#define NOTCH_HARDIRQ(entry, exit, kind)      \
  SEC("tp_btf/" #entry) int BPF_PROG(entry) { \
    return hardirq_begins();                  \
  }                                           \
  SEC("tp_btf/" #exit) int BPF_PROG(exit) {   \
    return hardirq_ends(kind);                \
  }

NOTCH_HARDIRQ(irq_handler_entry, irq_handler_exit, NOTCH_HARDIRQ_DEVICE)
/* These are x86's. */
NOTCH_HARDIRQ(local_timer_entry, local_timer_exit, NOTCH_HARDIRQ_LOCAL_TIMER)
NOTCH_HARDIRQ(reschedule_entry, reschedule_exit, NOTCH_HARDIRQ_RESCHEDULE)
NOTCH_HARDIRQ(call_function_entry, call_function_exit, NOTCH_HARDIRQ_CALL_FUNCTION)
NOTCH_HARDIRQ(call_function_single_entry, call_function_single_exit,
              NOTCH_HARDIRQ_CALL_FUNCTION_SINGLE)
NOTCH_HARDIRQ(irq_work_entry, irq_work_exit, NOTCH_HARDIRQ_IRQ_WORK)
