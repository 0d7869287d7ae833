/* Which service a process belongs to, for the programs: a table with one byte for each process id.
 * Read by: every x.bpf.c that counts by service; service_table.cc writes it.
 *
 * Invariants
 *   SS1  The table has a byte for every possible process id (pid_max when it was made), so that
 *        nothing is ever searched for, evicted or refused.
 *   SS2  A new process has its parent's slot from its first instruction on; the agent corrects it
 *        once it knows better. A dead process's byte means nothing: the next fork to this id
 *        overwrites it.
 *   SS3  Slot 0 belongs to processes of no attached service. The last slot belongs to all services
 *        that have no slot of their own.
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
