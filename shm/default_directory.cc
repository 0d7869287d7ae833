#include "shm/default_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/descriptor.h"
#include "shm/lock_lifetime.h"
#include "shm/within_mount.h"

namespace notch::shm {
namespace {

constexpr int kPlace = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool keeps_locks(const char* path) noexcept {
  const PlaceDescriptor directory(path, O_DIRECTORY);
  return directory.get() >= 0 && lock_lifetime(directory.get()) == LockLifetime::kMapping;
}

// Nobody but root can make an entry in it.
bool is_roots_alone(const struct stat& directory) noexcept {
  return directory.st_uid == 0 && (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool belongs_to_us_or_root(int directory_fd) noexcept {
  struct stat status {};
  return fstat(directory_fd, &status) == 0 && (status.st_uid == 0 || status.st_uid == geteuid());
}

}  // namespace

const char* default_directory(DefaultUse use) noexcept {
  if (access(kFirstDefaultDirectory, W_OK | X_OK) == 0)
    return keeps_locks(kFirstDefaultDirectory) ? kFirstDefaultDirectory : kSecondDefaultDirectory;
  const bool makes = use == DefaultUse::kMake && access(kFirstDefaultDirectory, F_OK) != 0 &&
                     access("/run", W_OK | X_OK) == 0 && keeps_locks("/run");
  return makes ? kFirstDefaultDirectory : kSecondDefaultDirectory;
}

int open_default_directory(const char* path) noexcept {
  const char* const name = strrchr(path, '/') + 1;
  char parent_path[64] = {};
  memcpy(parent_path, path, static_cast<std::size_t>(name - path));
  const PlaceDescriptor parent(parent_path, O_DIRECTORY);
  struct stat status {};
  if (parent.get() < 0 || fstat(parent.get(), &status) != 0) return -1;
  if (is_roots_alone(status)) return openat(parent.get(), name, kPlace);
  const int fd = open_within_mount(parent.get(), name, kPlace);
  if (fd < 0) {
    if (errno == EXDEV) errno = EPERM;
    return -1;
  }
  if (belongs_to_us_or_root(fd)) return fd;
  close(fd);
  errno = EPERM;
  return -1;
}

}  // namespace notch::shm
