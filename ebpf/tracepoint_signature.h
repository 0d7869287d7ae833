// A tracepoint as a kernel's types describe it: whether it is there, and its arguments.
// Called by: kernel_object, tests.
#pragma once

struct btf;
struct btf_type;

namespace notch::ebpf {

// Null if the kernel has no such tracepoint, or not for programs of type tp_btf.
const btf_type* signature_of(const btf& types, const char* tracepoint);

// False also without a signature, or with fewer arguments. `argument` counts from 0.
bool signature_has_pointer(const btf& types, const btf_type* signature, unsigned argument);

}  // namespace notch::ebpf
