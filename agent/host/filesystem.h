// Sizes of the mounted file systems. Called by: collector_table.
//
// Invariants
//   FS1  A file system that does not answer in time, or gives an error, has its device_error 1 and
//        no sizes, and holds up nothing else for longer than the scrape's patience.
//   FS2  Those of this host's own devices and memory have threads of their own: they keep their
//        figures however many others hang.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "agent/host/host_collector.h"
#include "agent/host/host_options.h"
#include "agent/host/mount_statistics.h"
#include "agent/host/mount_table.h"

namespace notch::agent {

class FilesystemCollector : public HostCollector {
 public:
  explicit FilesystemCollector(const HostOptions& options) : patience_(options.mount_timeout_ms) {}
  CollectResult collect(HostFiles& files, FamilyList& families) override;

 private:
  using Answers = std::vector<std::optional<struct statfs>>;  // of each mount

  Answers ask(const std::vector<Mount>& mounts, const HostFiles& files);

  const std::chrono::milliseconds patience_;
  MountStatistics local_;
  MountStatistics others_;
};

}  // namespace notch::agent
