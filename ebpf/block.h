/* What the block probe counts: one row for each processor, device and operation. Read by: both
 * sides. */
#pragma once

#include "ebpf/latency_histogram.h"

enum {
  NOTCH_BLOCK_DEVICES = 32, /* 0: all devices that have no slot, or were not there yet */
  NOTCH_BLOCK_READ = 0,     /* the kernel's REQ_OP_READ, WRITE, FLUSH, DISCARD */
  NOTCH_BLOCK_WRITE = 1,
  NOTCH_BLOCK_FLUSH = 2,
  NOTCH_BLOCK_DISCARD = 3,
  NOTCH_BLOCK_OTHER = 4,
  NOTCH_BLOCK_OPERATIONS = 5,
};

struct block_row {
  struct latency_histogram io;
  __u64 bytes;
  __u64 errors;
  __u64 untimed; /* done, but the kernel had not noted when it began (queue/iostats is 0) */
  __u64 padding[3];
};

/* The devices that are told apart, written by the agent: major << 20 | minor, 0 where there is
 * none. */
struct block_devices {
  __u64 number[NOTCH_BLOCK_DEVICES];
};
