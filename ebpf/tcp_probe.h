// The host's TCP connections by direction, and the bytes of sockets by service.
// Called by: probes.
#pragma once

#include "ebpf/probe.h"
#include "ebpf/tcp.h"

namespace notch::ebpf {

class TcpProbe final : public Probe {
 public:
  const char* name() const override { return "tcp"; }
  Outcome start(const ServiceTable& services) override;
  // `keeps_by_address`: as on kernels that keep no storage with a socket. Called by: start(), tests.
  Outcome load(const ServiceTable& services, bool keeps_by_address);
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  ServiceSums* service_sums() override { return &rows_; }
  const KernelObject& object() const override { return object_; }

 private:
  KernelObject object_;
  ServiceRows<socket_row> rows_{object_};
};

}  // namespace notch::ebpf
