// Births, programs, ends and lifetimes of processes, by service.
// Called by: probes.
#pragma once

#include "ebpf/probe.h"
#include "ebpf/process.h"

namespace notch::ebpf {

class ProcessProbe final : public Probe {
 public:
  const char* name() const override { return "process"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  ServiceSums* service_sums() override { return &rows_; }
  const KernelObject& object() const override { return object_; }

 private:
  KernelObject object_;
  ServiceRows<process_row> rows_{object_};
};

}  // namespace notch::ebpf
