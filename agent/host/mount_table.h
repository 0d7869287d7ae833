// The mounted file systems, as /proc/PID/mountinfo tells of them. Called by: filesystem.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace notch::agent {

struct Mount {
  std::string device;
  std::string mount_point;
  std::string type;
  std::string major, minor;  // of the file system's device number
  bool read_only = false;    // the mount, or the file system, or that since an error
};

// Parses /proc/PID/mountinfo, in its order; a line without all its fields is left out. If several mounts
// have one device, type and mount point, the last is taken: it lies on top, and statfs(2) answers for
// it. The kernel's \040 for a blank, \011, \012 and \134 are undone.
std::vector<Mount> parse_mount_info(std::string_view text);

// Its answers come from this host alone: no server and no program can hold them up.
bool is_local_mount(const Mount& mount);

}  // namespace notch::agent
