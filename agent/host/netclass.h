// Properties of network devices. Called by: collector_table.
#pragma once

#include <map>
#include <string>

#include "agent/host/host_collector.h"
#include "agent/host/host_options.h"
#include "agent/host/kept_folder.h"

namespace notch::agent {

class NetclassCollector : public HostCollector {
 public:
  explicit NetclassCollector(const HostOptions& options)
      : filter_(options.patterns.classed_devices) {}
  CollectResult collect(HostFiles& files, FamilyList& families) override;

 private:
  const NameFilter filter_;
  std::map<std::string, KeptFolder> kept_;  // by device, of those that there are
};

}  // namespace notch::agent
