/* __u8 to __u64 on either side. Read by: what both sides share. */
#pragma once

#ifdef __bpf__
#include "ebpf/kernel_types.h"
#else
#include <linux/types.h>
#endif
