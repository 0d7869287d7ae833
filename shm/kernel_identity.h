// Who this process is, and whose a file, as the kernel says it. Libc's functions of these names may
// be another library's, which says otherwise for a program that wants it so: fakeroot's, cwrap's,
// libfaketime's. The agent asks the kernel, and must find what is written here.
// Called by: segment_file, process_identity, directory_sample, directory_room.
//
// Invariants
//   E1  Async-signal-safe; nothing but errno is changed.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace notch::shm {

inline std::uint32_t kernel_pid() noexcept {
  return static_cast<std::uint32_t>(syscall(SYS_getpid));
}

inline std::uint32_t kernel_euid() noexcept {
  return static_cast<std::uint32_t>(syscall(SYS_geteuid));
}

// Of the file: also where the file system says who owns what is made on it.
inline bool kernel_fstat(int fd, struct stat& out) noexcept {
#if defined(SYS_newfstatat)  // libc's struct is the kernel's there
  return syscall(SYS_newfstatat, fd, "", &out, AT_EMPTY_PATH) == 0;
#else
  return fstat(fd, &out) == 0;
#endif
}

// Whether all of it was to be had without waiting.
inline bool kernel_random(void* out, std::size_t size) noexcept {
  constexpr unsigned kNoWaiting = 1;  // GRND_NONBLOCK
  return syscall(SYS_getrandom, out, size, kNoWaiting) == static_cast<ssize_t>(size);
}

}  // namespace notch::shm
