#include "agent/files/directory_entry.h"

#include <fcntl.h>

#include "shm/within_mount.h"

namespace notch::agent {
namespace {

// No permission for the file is needed, and no system of anybody's is asked.
FileDescriptor place_of(int directory_fd, const std::string& name) {
  return FileDescriptor(
      shm::open_within_mount(directory_fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

FileDescriptor open_entry(int directory_fd, const std::string& name, int flags, mode_t mode) {
  constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  return FileDescriptor(shm::open_within_mount(directory_fd, name.c_str(), flags | kAlways, mode));
}

bool look_at_entry(int directory_fd, const std::string& name, unsigned mask, struct statx& status) {
  const FileDescriptor place = place_of(directory_fd, name);
  return place.valid() && ::statx(place.get(), "", AT_EMPTY_PATH, mask, &status) == 0;
}

bool look_at_entry(int directory_fd, const std::string& name, struct stat& status) {
  const FileDescriptor place = place_of(directory_fd, name);
  return place.valid() && ::fstat(place.get(), &status) == 0;
}

bool has_a_name(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) != 0 || status.st_nlink != 0;
}

}  // namespace notch::agent
