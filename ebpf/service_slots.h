/* Which service a process belongs to, for the programs: a table with one byte for each process id.
 * Read by: every x.bpf.c that counts by service; service_table.cc writes it.
 *
 * Invariants
 *   SS1  The table has a byte for every process id there can be (pid_max when it was made), so
 *        nothing is ever looked for, evicted or refused.
 *   SS2  A new process has its parent's slot from its first instruction on; the agent corrects it
 *        once it knows better. A dead process's byte means nothing: the next fork to this id
 *        overwrites it.
 *   SS3  Slot 0 is of processes that belong to no attached service. The last slot is of all
 *        services for which no slot was left.
 */
#pragma once

#include "ebpf/words.h"

enum {
  NOTCH_SERVICE_SLOTS = 64,
  NOTCH_SLOT_UNATTACHED = 0,
  NOTCH_SLOT_OTHERS = NOTCH_SERVICE_SLOTS - 1,
  NOTCH_SLOTS_PER_LINE = 64,
};

struct service_line {
  __u8 slot[NOTCH_SLOTS_PER_LINE];
};
