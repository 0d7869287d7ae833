#include "agent/segments/directory_space.h"

#include <sys/statvfs.h>

namespace notch::agent {

std::optional<DirectorySpace> directory_space(int directory_fd) {
  struct statvfs told {};
  if (::fstatvfs(directory_fd, &told) != 0) return std::nullopt;
  return DirectorySpace{told.f_frsize * told.f_blocks, told.f_frsize * told.f_bavail};
}

}  // namespace notch::agent
