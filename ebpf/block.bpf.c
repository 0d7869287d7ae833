/* How long block requests took, from one hook and without a map of requests: a finished request
 * still has the time at which it was made. Compiled by: ebpf/compile_object. */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/block.h"
#include "ebpf/latency_histogram.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_BLOCK_DEVICES* NOTCH_BLOCK_OPERATIONS);
  __type(key, __u32);
  __type(value, struct block_row);
} rows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct block_devices);
} devices SEC(".maps");

static __always_inline __u64 device_number(struct request* request) {
  struct gendisk* disk;
  struct request___before_5_17* older = (void*)request;
  if (bpf_core_field_exists(older->rq_disk)) {
    disk = BPF_CORE_READ(older, rq_disk);
  } else {
    disk = BPF_CORE_READ(request, q, disk);
  }
  if (!disk) return 0;
  return ((__u64)BPF_CORE_READ(disk, major) << 20) | (__u32)BPF_CORE_READ(disk, first_minor);
}

static __always_inline __u32 slot_of_device(__u64 number) {
  __u32 only = 0;
  struct block_devices* known = bpf_map_lookup_elem(&devices, &only);
  if (!known || number == 0) return 0;
  for (__u32 slot = 1; slot < NOTCH_BLOCK_DEVICES; ++slot) {
    if (known->number[slot] == number) return slot;
    if (known->number[slot] == 0) return 0;
  }
  return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request* request, int error, unsigned int done_bytes) {
  __u32 operation = request->cmd_flags & 255;
  if (operation >= NOTCH_BLOCK_OTHER) operation = NOTCH_BLOCK_OTHER;
  __u32 key =
      (bpf_get_smp_processor_id() * NOTCH_BLOCK_DEVICES + slot_of_device(device_number(request))) *
          NOTCH_BLOCK_OPERATIONS +
      operation;
  struct block_row* row = bpf_map_lookup_elem(&rows, &key);
  if (!row) return 0;
  if (error) {
    row->errors += 1;
  } else {
    row->bytes += done_bytes;
  }
  if (done_bytes < request->__data_len) return 0; /* a part; the request goes on */
  __u64 start_ns = request->start_time_ns;
  if (start_ns == 0) {
    row->untimed += 1;
    return 0;
  }
  __u64 now_ns = bpf_ktime_get_ns();
  notch_count_time(&row->io, now_ns > start_ns ? now_ns - start_ns : 0);
  return 0;
}
