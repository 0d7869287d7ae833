// Waits for memory, OOM kills and fatal signals, by service.
// Called by: probes.
#pragma once

#include "ebpf/memory.h"
#include "ebpf/probe.h"

namespace notch::ebpf {

class MemoryProbe final : public Probe {
 public:
  const char* name() const override { return "memory"; }
  Outcome start(const ServiceTable& services) override;
  // `keeps_by_thread`: as on kernels that keep no storage with a task. Called by: start(), tests.
  Outcome load(const ServiceTable& services, bool keeps_by_thread);
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  ServiceSums* service_sums() override { return &rows_; }
  const KernelObject& object() const override { return object_; }

 private:
  KernelObject object_;
  ServiceRows<memory_row> rows_{object_};
};

}  // namespace notch::ebpf
