// KernelObject where libbpf was not there at build time: it says so, and the agent goes on without
// probes. Called by: the probes.
#include "ebpf/kernel_object.h"

namespace notch::ebpf {

struct KernelObject::Parts {};

KernelObject::KernelObject() = default;
KernelObject::~KernelObject() = default;

Outcome KernelObject::open(const char*, std::span<const unsigned char>,
                           std::initializer_list<const char*>) {
  return {Refusal::kNotBuilt, "this agent was built without libbpf"};
}
void KernelObject::set_entries(const char*, std::size_t) {}
void KernelObject::share_map(const char*, const KernelObject&) {}
void KernelObject::leave_out(const char*) {}
void KernelObject::leave_out_map(const char*) {}
void KernelObject::set_constants(const void*, std::size_t) {}
Outcome KernelObject::run() {
  return {Refusal::kNotBuilt, "this agent was built without libbpf"};
}
Outcome KernelObject::iterate(const char*, std::vector<std::byte>&) const {
  return {Refusal::kNotBuilt, "this agent was built without libbpf"};
}
bool KernelObject::has_program(const char*) const {
  return false;
}
std::vector<KernelObject::Program> KernelObject::programs() const {
  return {};
}
std::uint64_t KernelObject::missed_events() const {
  return 0;
}
std::span<std::byte> KernelObject::mapped(const char*, int) const {
  return {};
}

unsigned possible_processors() {
  return 0;
}
bool has_tracepoint(const char*) {
  return false;
}

bool argument_is_pointer(const char*, unsigned) {
  return false;
}

}  // namespace notch::ebpf
