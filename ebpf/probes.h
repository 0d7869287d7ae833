// All probes: starts each alone, and tells which run.
// Called by: the agent's kernel_figures, tests, bench.
//
// Invariants
//   PR1  The other probes run when one is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ebpf/probe.h"

namespace notch::ebpf {

struct ProbeState {
  const char* name;
  Outcome outcome;
};

class Probes {
 public:
  Probes();

  // Nothing is loaded; every probe is refused for this reason.
  void refuse(Refusal reason, const std::string& words);

  // Cost: some tens of milliseconds.
  void start();

  const std::vector<ProbeState>& states() const { return states_; }

  // True if the running probes still need CAP_BPF: a kernel before 5.19 wants it to start an iterator
  // if kernel.unprivileged_bpf_disabled is set. Takes it from the effective set for the trial.
  bool needs_bpf_capability();

  // From now on the process counts for this service. `is_older`: the process is older than the probes,
  // and its past counts belong to no service. `is_still_it` says whether the number is still that
  // process's; it is called only where something changes, before and after. True if the service had no
  // slot until now and has one.
  bool assign(std::uint32_t pid, std::string_view service, bool is_older,
              const std::function<bool()>& is_still_it);

  // If slots are short, takes back those that have been empty for a while, and returns the services that
  // had them. These are shown with their counts until forget(). `now_s`: of a clock that does not
  // step.
  std::vector<std::string> take_back(std::uint64_t now_s);
  void forget(const std::string& service);

  // Services are shown under these names from now on, with their counts so far.
  void rename(const NewNames& names);
  // The service is gone and is not shown any more; another may have its name from now on.
  void drop(const std::string& service);

  // The families of the probes that run. Cost: reads all maps, no system call but the cpu probe's
  // iterator.
  std::vector<KernelFamily> families();

  const std::vector<std::unique_ptr<Probe>>& all() const { return probes_; }

 private:
  std::vector<ServiceSums*> service_sums() const;
  void move(std::uint32_t pid, std::uint8_t slot, bool is_older,
            const std::function<bool()>& is_still_it);
  void take_slot(std::uint8_t slot);
  void add_health(std::vector<KernelFamily>& families) const;

  ServiceTable services_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::vector<ProbeState> states_;  // the table of services, then each probe
};

}  // namespace notch::ebpf
