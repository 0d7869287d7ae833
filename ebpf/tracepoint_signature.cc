#include "ebpf/tracepoint_signature.h"

#include <bpf/btf.h>

#include <string>

namespace notch::ebpf {
namespace {

// A function's first parameter is the tracepoint's own data, not an argument.
constexpr unsigned kOwnParameters = 1;

const btf_type* without_names(const btf& types, __u32 id) {
  const btf_type* type = btf__type_by_id(&types, id);
  while (type != nullptr && (btf_is_typedef(type) || btf_is_mod(type))) {
    type = btf__type_by_id(&types, type->type);
  }
  return type;
}

}  // namespace

const btf_type* signature_of(const btf& types, const char* tracepoint) {
  const int id = btf__find_by_name_kind(&types, (std::string("btf_trace_") + tracepoint).c_str(),
                                        BTF_KIND_TYPEDEF);
  if (id < 0) return nullptr;
  const btf_type* pointer = without_names(types, static_cast<__u32>(id));
  if (pointer == nullptr || !btf_is_ptr(pointer)) return nullptr;
  const btf_type* function = without_names(types, pointer->type);
  return function != nullptr && btf_is_func_proto(function) ? function : nullptr;
}

bool signature_has_pointer(const btf& types, const btf_type* signature, unsigned argument) {
  if (signature == nullptr || argument + kOwnParameters >= btf_vlen(signature)) return false;
  const btf_type* type =
      without_names(types, btf_params(signature)[argument + kOwnParameters].type);
  return type != nullptr && btf_is_ptr(type);
}

}  // namespace notch::ebpf
