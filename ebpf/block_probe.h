// How long the host's block devices took, by device and operation.
// Called by: probes.
//
// Invariants
//   BP1  A device keeps its slot as long as the agent runs; more than the slots share slot 0.
#pragma once

#include <string>
#include <vector>

#include "ebpf/block.h"
#include "ebpf/probe.h"

namespace notch::ebpf {

class BlockProbe final : public Probe {
 public:
  const char* name() const override { return "block"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  const KernelObject& object() const override { return object_; }

 private:
  block_row sum_of(std::size_t device, std::size_t operation) const;
  void find_devices();

  KernelObject object_;
  std::vector<std::string> devices_{"(others)"};  // by slot
  std::uint64_t others_done_ = 0;                 // when the devices were last looked for
};

}  // namespace notch::ebpf
