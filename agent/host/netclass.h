// Properties of network devices. Called by: collector_table.
#pragma once

#include <map>
#include <string>

#include "agent/host/host_collector.h"
#include "agent/host/kept_folder.h"

namespace notch::agent {

class NetclassCollector : public HostCollector {
 public:
  CollectResult collect(HostFiles& files, FamilyList& families) override;

 private:
  std::map<std::string, KeptFolder> kept_;  // by device, of those that there are
};

}  // namespace notch::agent
