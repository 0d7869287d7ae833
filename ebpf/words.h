/* __u8 to __u64, in the kernel's programs and the agent. Included by: the headers of both sides. */
#pragma once

#ifdef __bpf__
#include "ebpf/kernel_types.h"
#else
#include <linux/types.h>
#endif
