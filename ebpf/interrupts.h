/* What the interrupts probe counts: a row a processor. Read by: both its sides. */
#pragma once

#include "ebpf/words.h"

enum {
  NOTCH_SOFTIRQS = 10, /* the kernel's vectors: hi, timer, net_tx, net_rx, block, irq_poll, ... */
  NOTCH_HARDIRQ_DEVICE = 0,
  NOTCH_HARDIRQ_LOCAL_TIMER = 1,
  NOTCH_HARDIRQ_RESCHEDULE = 2,
  NOTCH_HARDIRQ_CALL_FUNCTION = 3,
  NOTCH_HARDIRQ_CALL_FUNCTION_SINGLE = 4,
  NOTCH_HARDIRQ_IRQ_WORK = 5,
  NOTCH_HARDIRQS = 6,
};

struct interrupts_row {
  __u64 softirq_ns[NOTCH_SOFTIRQS];
  __u64 softirqs[NOTCH_SOFTIRQS];
  __u64 hardirq_ns[NOTCH_HARDIRQS];
  __u64 hardirqs[NOTCH_HARDIRQS];
  __u64 all_hardirq_ns;     /* their sum, which is not part of a soft interrupt's time */
  __u64 softirq_since_ns;   /* when the running one began; 0: none was seen to begin */
  __u64 softirq_hardirq_ns; /* all_hardirq_ns when it began */
  __u64 hardirq_since_ns;
  __u64 padding[4];
};
