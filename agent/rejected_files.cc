#include "agent/rejected_files.h"

#include <sys/stat.h>

#include "agent/directory_entry.h"

namespace notch::agent {

bool RejectedFiles::look_at(int directory_fd, const std::string& name, Look& look) {
  struct stat status {};
  if (!look_at_entry(directory_fd, name, status)) return false;
  look.inode = status.st_ino;
  look.bytes = static_cast<std::uint64_t>(status.st_size);
  look.changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
  return true;
}

void RejectedFiles::add(int directory_fd, const std::string& name, const char* reason) {
  ++by_reason_[reason];
  Look look;
  if (files_.size() < kMaxRemembered && look_at(directory_fd, name, look)) files_[name] = look;
}

std::vector<std::string> RejectedFiles::take_changed(int directory_fd) {
  std::vector<std::string> changed;
  for (auto file = files_.begin(); file != files_.end();) {
    Look look;
    const bool gone = !look_at(directory_fd, file->first, look);
    const bool again = look != file->second;
    if (!gone && again) changed.push_back(file->first);
    file = gone || again ? files_.erase(file) : std::next(file);
  }
  return changed;
}

}  // namespace notch::agent
