// The interface of a probe: one object of kernel programs, and the families made of its counts.
// Called by: probes. Implemented by: every x_probe.
#pragma once

#include <string>
#include <vector>

#include "ebpf/family.h"
#include "ebpf/refusal.h"
#include "ebpf/service_sums.h"
#include "ebpf/service_table.h"

namespace notch::ebpf {

class Probe {
 public:
  virtual ~Probe() = default;

  virtual const char* name() const = 0;

  // Loads and attaches. Called once. families() leaves out what did not load.
  virtual Outcome start(const ServiceTable& services) = 0;

  // Reads the maps. REQUIRES: start() went well.
  virtual void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) = 0;

  // True if families() works with the capabilities that are in force now.
  virtual bool can_read() { return true; }

  // Null if it does not count by service.
  virtual ServiceSums* service_sums() { return nullptr; }
  // A process that was there before the probe, or shared a slot with others, counts in another
  // service's slot from now on.
  virtual void moved(std::uint32_t, ServiceTable::Change) {}

  virtual const KernelObject& object() const = 0;
};

}  // namespace notch::ebpf
