/* The programs' side of the table of services, and the row that is theirs to count in.
 * Included by: every x.bpf.c that counts by service. */
#pragma once

#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>

#include "ebpf/service_slots.h"

/* One for all probes: the loader puts the agent's own map in this one's place, and sets its size.
 */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct service_line);
} service_slots SEC(".maps");

static __always_inline __u32 slot_of_process(__u32 tgid) {
  __u32 line_number = tgid / NOTCH_SLOTS_PER_LINE;
  struct service_line* line = bpf_map_lookup_elem(&service_slots, &line_number);
  if (!line) return NOTCH_SLOT_UNATTACHED;
  return line->slot[tgid % NOTCH_SLOTS_PER_LINE] % NOTCH_SERVICE_SLOTS;
}

/* The key, in a map of one row for each processor and service, of this processor's. */
static __always_inline __u32 row_of_process(__u32 tgid) {
  return bpf_get_smp_processor_id() * NOTCH_SERVICE_SLOTS + slot_of_process(tgid);
}
