#include "agent/kernel/kernel_figures.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "agent/kernel/kernel_snapshot.h"
#include "agent/processes/process_end.h"
#include "ebpf/capabilities.h"
#include "ebpf/service_slots.h"

namespace notch::agent {
namespace {

// The inode of the first PID namespace, the same on every kernel (PROC_PID_INIT_INO).
constexpr std::uint64_t kFirstPidNamespace = 0xEFFFFFFC;

constexpr std::size_t kMostServices = NOTCH_SLOT_OTHERS - 1;  // the probes' slots for them
constexpr std::size_t kMostServicesOfUser = 48;               // leaves some to other users

// Probes refused for one cause are named in one line.
void say_refused(const std::vector<ebpf::ProbeState>& states, EbpfMode mode) {
  std::vector<std::pair<std::string, std::string>> lines;  // words, names
  for (const ebpf::ProbeState& state : states) {
    if (state.outcome.ok()) continue;
    const auto found =
        std::ranges::find(lines, state.outcome.words, &std::pair<std::string, std::string>::first);
    if (found == lines.end()) {
      lines.emplace_back(state.outcome.words, state.name);
    } else {
      found->second += std::string(", ") + state.name;
    }
  }
  for (const auto& [words, names] : lines) {
    if (mode == EbpfMode::kRequire) {
      spdlog::error("--ebpf=require: no probe {}: {}", names, words);
    } else {
      spdlog::info("no probe {}: {}", names, words);
    }
  }
}

}  // namespace

KernelFigures::KernelFigures(std::uint64_t retention_s, Accounts* accounts)
    : names_(kMostServicesOfUser, kMostServices, accounts),
      gone_(retention_s),
      knows_kernel_pids_(own_pid_namespace() == kFirstPidNamespace) {}

bool KernelFigures::start(EbpfMode mode) {
  if (mode == EbpfMode::kOff) {
    probes_.refuse(ebpf::Refusal::kOff, "--ebpf=off");
    return true;
  }
  probes_.start();
  const bool keep_bpf = probes_.needs_bpf_capability();
  if (keep_bpf) spdlog::info("CAP_BPF is kept: this kernel wants it to start an iterator");
  if (!ebpf::drop_bpf_capabilities(keep_bpf))
    spdlog::warn("the capabilities for probes cannot be dropped");
  say_refused(probes_.states(), mode);
  return mode == EbpfMode::kAuto || std::ranges::all_of(probes_.states(), [](const auto& state) {
           return state.outcome.ok();
         });
}

void KernelFigures::take(std::span<const ProvenProcess> processes, std::uint64_t now_s) {
  if (!knows_kernel_pids_) return;
  for (const ProvenProcess& process : processes) {
    const std::string& service = names_.shown(process.owner_uid, process.service);
    const bool has_come = probes_.assign(process.pid, service, process.older_than_agent, [&] {
      return process_runs(process.pid, process.start_time_ticks);
    });
    if (has_come) gone_.remove(service);
  }
  for (const std::string& service : probes_.take_back(now_s)) {
    gone_.add(service, names_.forget(service), now_s);
  }
  for (const std::string& service : gone_.take_expired(now_s)) probes_.forget(service);
}

void KernelFigures::rename(std::span<const ServiceRename> renames) {
  ebpf::NewNames new_names;
  for (const ServiceRename& rename : renames) {
    if (rename.to.empty()) {
      gone_.remove(rename.from);
      probes_.drop(rename.from);
    } else {
      new_names[rename.from] = rename.to;
    }
  }
  names_.rename(renames);
  gone_.rename(renames);
  probes_.rename(new_names);
}

Snapshot KernelFigures::snapshot() {
  return kernel_snapshot(probes_.families());
}

}  // namespace notch::agent
