// Why a probe does not run. Made by: kernel_object, the probes. Read by: probes, and the agent.
#pragma once

#include <cstdint>
#include <string>

namespace notch::ebpf {

enum class Refusal : std::uint8_t {
  kNone,          // it runs
  kOff,           // --ebpf=off
  kNotBuilt,      // the agent was built without libbpf
  kNoBtf,         // the kernel has no description of its types (CONFIG_DEBUG_INFO_BTF)
  kNotPermitted,  // CAP_BPF and CAP_PERFMON are not there, or the kernel is locked down
  kNoHook,        // the kernel does not have the tracepoint
  kRefused,       // the kernel's verifier or libbpf refused it; the words say why
};

// As the `reason` label has it; never null.
constexpr const char* refusal_name(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kOff:
      return "off";
    case Refusal::kNotBuilt:
      return "not_built";
    case Refusal::kNoBtf:
      return "no_btf";
    case Refusal::kNotPermitted:
      return "not_permitted";
    case Refusal::kNoHook:
      return "no_hook";
    default:
      return "refused";
  }
}

struct Outcome {
  Refusal refusal = Refusal::kNone;
  std::string words;  // one line for a person; empty if it runs

  bool ok() const noexcept { return refusal == Refusal::kNone; }
};

}  // namespace notch::ebpf
