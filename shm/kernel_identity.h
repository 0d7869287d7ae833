// This process's ids and a file's owner, asked of the kernel by system calls. A library may have put
// its own functions in the place of libc's, and those give a program the answers it wants: fakeroot,
// cwrap, libfaketime. The agent asks the kernel too, and must find the same values.
// Called by: segment_file, process_identity, directory_sample, directory_room.
//
// Invariants
//   KI1  Async-signal-safe; nothing but errno is changed.
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

// The file's owner and mode: correct also where the file system decides who owns a new file.
inline bool kernel_fstat(int fd, struct stat& out) noexcept {
#if defined(SYS_newfstatat)  // libc's struct is the kernel's there
  return syscall(SYS_newfstatat, fd, "", &out, AT_EMPTY_PATH) == 0;
#else
  return fstat(fd, &out) == 0;
#endif
}

// True if all of it came without waiting.
inline bool kernel_random(void* out, std::size_t size) noexcept {
  constexpr unsigned kNoWaiting = 1;  // GRND_NONBLOCK
  return syscall(SYS_getrandom, out, size, kNoWaiting) == static_cast<ssize_t>(size);
}

}  // namespace notch::shm
