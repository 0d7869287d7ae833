// Waits for memory, and processes that its lack or another fatal signal ended, by service.
// Called by: probes.
#pragma once

#include "ebpf/probe.h"

namespace notch::ebpf {

class MemoryProbe final : public Probe {
 public:
  const char* name() const override { return "memory"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  const KernelObject& object() const override { return object_; }

 private:
  KernelObject object_;
};

}  // namespace notch::ebpf
