// The mounted file systems, as /proc/mounts tells of them. Called by: filesystem.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace notch::agent {

struct Mount {
  std::string device;
  std::string mount_point;
  std::string type;
  bool read_only = false;

  auto operator<=>(const Mount&) const = default;
};

// Each once, in the table's order; a line without four words is left out. The kernel's \040 for a
// blank, \011, \012 and \134 are undone.
std::vector<Mount> parse_mounts(std::string_view text);

// Pseudo file systems are not shown, nor what is mounted below /dev, /proc, /run, /sys, /mnt,
// /media or as a part of a container.
bool is_shown_mount(const Mount& mount);

// Its answers come from this host alone: no server and no program can hold them up.
bool is_local_mount(const Mount& mount);

}  // namespace notch::agent
