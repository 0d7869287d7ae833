// Sensors: temperatures, fans, voltages, currents, power. Called by: collector_table.
#pragma once

#include "agent/host/host_collector.h"
#include "agent/host/host_options.h"

namespace notch::agent {

class HwmonCollector : public HostCollector {
 public:
  explicit HwmonCollector(const HostOptions& options);
  CollectResult collect(HostFiles& files, FamilyList& families) override;

 private:
  const NameFilter chips_;
  const NameFilter sensors_;
};

}  // namespace notch::agent
