// How long runnable tasks of each service waited for a processor.
// Called by: probes.
#pragma once

#include "ebpf/probe.h"
#include "ebpf/runqueue.h"

namespace notch::ebpf {

class RunqueueProbe final : public Probe {
 public:
  const char* name() const override { return "runqueue"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  ServiceSums* service_sums() override { return &rows_; }
  const KernelObject& object() const override { return object_; }

 private:
  KernelObject object_;
  ServiceRows<runqueue_row> rows_{object_};
};

}  // namespace notch::ebpf
