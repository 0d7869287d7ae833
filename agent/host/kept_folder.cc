#include "agent/host/kept_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace notch::agent {

bool KeptFolder::follow(const std::string& path) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  if (there && folder_.valid() && status.st_dev == device_ && status.st_ino == inode_) return true;
  *this = KeptFolder();
  if (!there) return false;
  folder_ = FileDescriptor(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  // The file that was opened may be another than the one that was looked at.
  if (!folder_.valid() || ::fstat(folder_.get(), &status) != 0) return false;
  device_ = status.st_dev;
  inode_ = status.st_ino;
  return true;
}

int KeptFolder::file(std::size_t index, const char* name) {
  if (index >= files_.size()) files_.resize(index + 1);
  FileDescriptor& file = files_[index];
  if (!file.valid()) {
    file = FileDescriptor(::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  }
  return file.get();
}

}  // namespace notch::agent
