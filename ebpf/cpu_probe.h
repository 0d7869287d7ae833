// Processor time and run-queue wait, by service and by cgroup.
// Called by: probes.
//
// Invariants
//   CP1  A sum is what the gone and the living used, less what they had used when the probe began.
//        The gone are read first: who goes in between is missing once, and never counted twice.
//   CP2  What a process used before the probe began is in no sum, whichever service it comes to.
//   CP3  A sum that would fall (by such a gap, or as a process changed its service) stays as it
//        was.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "ebpf/cpu.h"
#include "ebpf/probe.h"

namespace notch::ebpf {

class CpuProbe final : public Probe {
 public:
  const char* name() const override { return "cpu"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  bool can_read() override { return look().ok(); }
  void moved(std::uint32_t pid, ServiceTable::Change change) override;
  const KernelObject& object() const override { return object_; }

 private:
  struct Sum {
    cpu_row before{};  // when the probe began
    cpu_row shown{};
  };

  Outcome look();
  void name_cgroups();

  KernelObject object_;
  std::vector<std::byte> output_;  // of the iterator: nothing
  std::vector<Sum> sums_ = std::vector<Sum>(NOTCH_CPU_ROWS);
  std::vector<std::string> cgroups_ =
      std::vector<std::string>(NOTCH_CGROUP_SLOTS);  // paths by slot
  bool begun_ = false;
};

}  // namespace notch::ebpf
