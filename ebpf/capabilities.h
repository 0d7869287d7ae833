// Drops the capabilities that loading programs needs.
// Called by: the agent's kernel_figures, once the probes run.
#pragma once

namespace notch::ebpf {

// Removes CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN, which holds both, from this thread's effective,
// permitted and inheritable sets (and so from the ambient one). After that neither the process nor a
// program that it executes as this user can load a program. With `keep_bpf` CAP_BPF alone stays.
// False if the kernel refuses. Source of the format: capset(2), version 3.
bool drop_bpf_capabilities(bool keep_bpf);

// Takes CAP_BPF from the effective set, or puts it back. False if the kernel refuses.
bool set_bpf_capability_in_force(bool in_force);

}  // namespace notch::ebpf
