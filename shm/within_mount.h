// Opens an entry of a directory in which other users make entries too, but never a file system that is
// mounted over the entry. Any user may mount one with FUSE over a file or a directory of his own, and a
// call that reaches it waits for his answer as long as he likes.
// Called by: default_directory, directory_sample, the agent's directory_entry.
//
// Invariants
//   WM1  Async-signal-safe: no heap, no lock, no stdio.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace notch::shm {

// As openat(2). EXDEV: another mount is there. On a kernel before 5.6, or under a filter that does not
// know openat2(2), it is a plain openat(2).
inline int open_within_mount(int parent_fd, const char* name, int flags, mode_t mode = 0) noexcept {
  struct open_how how {};
  how.flags = static_cast<unsigned>(flags);
  how.mode = mode;
  how.resolve = RESOLVE_NO_XDEV;
  const long fd = syscall(SYS_openat2, parent_fd, name, &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(fd);
  return openat(parent_fd, name, flags, mode);
}

}  // namespace notch::shm
