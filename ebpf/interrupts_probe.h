// Time and number of the host's interrupts, by kind.
// Called by: probes.
#pragma once

#include "ebpf/probe.h"

namespace notch::ebpf {

class InterruptsProbe final : public Probe {
 public:
  const char* name() const override { return "interrupts"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  const KernelObject& object() const override { return object_; }

 private:
  KernelObject object_;
};

}  // namespace notch::ebpf
