// The kernel's own view of the host and the attached services: starts the probes of ebpf/, tells
// them which process is whose, and shows what they counted. Called by: daemon.
//
// Invariants
//   KF1  Once the probes run (or are refused) the agent holds neither CAP_PERFMON nor
//        CAP_SYS_ADMIN, and CAP_BPF only where the kernel wants it to start an iterator (before
//        Linux 5.19).
//   KF2  Only a process that proved to be what its segment claims counts for its service.
#pragma once

#include <span>

#include "agent/options.h"
#include "agent/process_figures.h"
#include "agent/service_names.h"
#include "agent/snapshot.h"
#include "ebpf/probes.h"

namespace notch::agent {

class KernelFigures {
 public:
  KernelFigures();

  // Says in the log which probes do not run, and why. False if they are required.
  bool start(EbpfMode mode);

  // The living processes of services. Cost: a store each.
  void take(std::span<const ProvenProcess> processes);

  Snapshot snapshot();

 private:
  ebpf::Probes probes_;
  ServiceNames names_;            // which services have slots of the probes'
  const bool knows_kernel_pids_;  // the agent's PIDs are the ones the kernel uses itself
};

}  // namespace notch::agent
