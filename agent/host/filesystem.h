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

struct FilesystemSizes {
  double size_bytes = 0;
  double free_bytes = 0;
  double available_bytes = 0;  // to users who are not root
  double files = 0;
  double free_files = 0;
};
FilesystemSizes filesystem_sizes(const struct statfs& answer);

class FilesystemCollector : public HostCollector {
 public:
  explicit FilesystemCollector(const HostOptions& options);
  CollectResult collect(HostFiles& files, FamilyList& families) override;

 private:
  using Answers = std::vector<std::optional<struct statfs>>;  // of each mount

  Answers ask(const std::vector<Mount>& mounts, const HostFiles& files);

  const std::chrono::milliseconds patience_;
  const NameFilter mount_points_;
  const NameFilter types_;
  MountStatistics local_;
  MountStatistics others_;
};

}  // namespace notch::agent
