// Included before everything else in each source of libnotch_preload.so, the client's among them:
// gives them, under their usual names, calls that glibc 2.17 has too, and that reach neither a
// wrapper of ours nor a cancellation point. Only cold paths use any of them.
// Called by: the build, by -include.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/preload/raw_system_call.h"

inline long notch_word(const void* address) {
  return reinterpret_cast<long>(address);
}

inline int notch_floor_open(const char* path, int flags, mode_t mode = 0) {
  return static_cast<int>(
      notch_system_call(SYS_openat, AT_FDCWD, notch_word(path), flags, static_cast<long>(mode)));
}
inline int notch_floor_openat(int directory, const char* path, int flags, mode_t mode = 0) {
  return static_cast<int>(
      notch_system_call(SYS_openat, directory, notch_word(path), flags, static_cast<long>(mode)));
}
inline ssize_t notch_floor_read(int fd, void* buffer, size_t size) {
  return notch_system_call(SYS_read, fd, notch_word(buffer), static_cast<long>(size), 0);
}
inline ssize_t notch_floor_write(int fd, const void* buffer, size_t size) {
  return notch_system_call(SYS_write, fd, notch_word(buffer), static_cast<long>(size), 0);
}
inline int notch_floor_close(int fd) {
  return static_cast<int>(notch_system_call(SYS_close, fd, 0, 0, 0));
}
inline int notch_floor_fstat(int fd, struct stat* out) {
  return static_cast<int>(notch_system_call(SYS_fstat, fd, notch_word(out), 0, 0));
}
inline int notch_floor_stat(const char* path, struct stat* out) {
  return static_cast<int>(
      notch_system_call(SYS_newfstatat, AT_FDCWD, notch_word(path), notch_word(out), 0));
}
inline ssize_t notch_floor_getrandom(void* buffer, size_t size, unsigned flags) {
  return notch_system_call(SYS_getrandom, notch_word(buffer), static_cast<long>(size), flags, 0);
}
inline int notch_floor_sigmask(int how, const sigset_t* set, sigset_t* before) {
  return sigprocmask(how, set, before) == 0 ? 0 : errno;  // the calling thread's, on Linux
}

// By the call behind it, which a libc that is not glibc lacks: then nothing is registered, nor
// counted. Handlers of a library that is never unloaded need not say whose they are.
extern "C" __attribute__((weak)) int __register_atfork(void (*prepare)(), void (*parent)(),
                                                       void (*child)(), void* owner);
inline int notch_floor_atfork(void (*prepare)(), void (*parent)(), void (*child)()) {
  return &__register_atfork == nullptr ? ENOSYS
                                       : __register_atfork(prepare, parent, child, nullptr);
}

#define open(...) notch_floor_open(__VA_ARGS__)
#define openat(...) notch_floor_openat(__VA_ARGS__)
#define read(fd, buffer, size) notch_floor_read(fd, buffer, size)
#define write(fd, buffer, size) notch_floor_write(fd, buffer, size)
#define close(fd) notch_floor_close(fd)
#define fstat(fd, out) notch_floor_fstat(fd, out)
#define stat(path, out) notch_floor_stat(path, out)
#define getrandom(buffer, size, flags) notch_floor_getrandom(buffer, size, flags)
#define pthread_sigmask(how, set, before) notch_floor_sigmask(how, set, before)
#define strerrordesc_np(number) (static_cast<void>(number), static_cast<const char*>(nullptr))
#define pthread_atfork(prepare, parent, child) notch_floor_atfork(prepare, parent, child)
