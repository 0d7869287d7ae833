// An entry of the directory of segments, where every user makes some: opened and looked at without
// following a link, and never within another mount (shm/within_mount.h says why).
// Called by: segment_directory, mapped_segment, rejected_files, folded_files, owned_file, ledger,
// collect.
#pragma once

#include <sys/stat.h>

#include <string>

#include "agent/files/file_descriptor.h"

namespace notch::agent {

// As openat(2), closed on exec, and never waiting for whoever has the other end of a FIFO. Not valid:
// errno says why; EXDEV: another mount is there.
FileDescriptor open_entry(int directory_fd, const std::string& name, int flags, mode_t mode = 0);

// As statx(2) and fstatat(2): false with the same errno. Cost: three system calls.
bool look_at_entry(int directory_fd, const std::string& name, unsigned mask, struct statx& status);
bool look_at_entry(int directory_fd, const std::string& name, struct stat& status);

// False once an open file or directory was removed under its last name, wherever that was. Cost: one
// call.
bool has_a_name(int fd) noexcept;

}  // namespace notch::agent
