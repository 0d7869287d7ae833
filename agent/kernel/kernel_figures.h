// The kernel's own view of the host and the attached services: starts the probes of ebpf/, tells
// them which process is whose, and shows what they counted. Called by: daemon.
//
// Invariants
//   KF1  Once the probes run (or are refused) the agent holds neither CAP_PERFMON nor
//        CAP_SYS_ADMIN, and CAP_BPF only where the kernel wants it to start an iterator (before
//        Linux 5.19).
//   KF2  Only a process that proved to be what its segment claims counts for its service.
//   KF3  A service that is gone is shown with what it counted, until `retention_s` is over or later
//        ones need its place; then its rows go, and start at zero if it comes again.
#pragma once

#include <span>

#include "agent/family/snapshot.h"
#include "agent/kernel/gone_services.h"
#include "agent/kernel/kernel_options.h"
#include "agent/processes/process_figures.h"
#include "agent/services/service_names.h"
#include "ebpf/probes.h"

namespace notch::agent {

class KernelFigures {
 public:
  // `retention_s`: of services without a slot of the probes'; 0: for ever.
  explicit KernelFigures(std::uint64_t retention_s, Accounts* accounts = nullptr);

  // Says in the log which probes do not run, and why. False if they are required.
  bool start(EbpfMode mode);

  // The living processes of services. `now_s`: of a clock that does not step. Cost: a look-up each,
  // three system calls for one that is new or whose service is; and what take_back() costs.
  void take(std::span<const ProvenProcess> processes, std::uint64_t now_s);

  // Before the take() that is told the new names.
  void rename(std::span<const ServiceRename> renames);

  Snapshot snapshot();

 private:
  ebpf::Probes probes_;
  ServiceNames names_;            // which services have slots of the probes'
  GoneServices gone_;             // which had one, and are shown
  const bool knows_kernel_pids_;  // the agent's PIDs are the ones the kernel uses itself
};

}  // namespace notch::agent
