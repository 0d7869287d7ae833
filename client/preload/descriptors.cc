#include "client/preload/descriptors.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "client/preload/connections.h"
#include "client/preload/vfork.h"
#include "client/preload/wrapper.h"

namespace notch::preload {

alignas(std::uint64_t) std::uint8_t descriptor_kinds[kMostDescriptors];

namespace {

// Of this process: a child made by vfork has a table of descriptors of its own, and none of ours.
void note_kind(int fd, Kind kind) noexcept {
  if (fd < 0 || is_vfork_child()) return;
  end_stale_connection(fd);
  set_kind(fd, kind);
}

// What a path leads to may be a device or a named pipe as well: its kind is "file" all the same.
template <class Real, class... Arguments>
int open_path(Real real, Arguments... arguments) {
  const int fd = real(arguments...);
  note_kind(fd, Kind::kFile);
  return fd;
}

template <class Real, class... Arguments>
int open_socket(Real real, Arguments... arguments) {
  const int fd = real(arguments...);
  note_kind(fd, Kind::kSocket);
  return fd;
}

template <class Real>
int open_socket_pair(Real real, int domain, int type, int protocol, int* pair) {
  const int result = real(domain, type, protocol, pair);
  if (result == 0) {
    note_kind(pair[0], Kind::kSocket);
    note_kind(pair[1], Kind::kSocket);
  }
  return result;
}

template <class Real, class... Flags>
int open_pipe(Real real, int* pair, Flags... flags) {
  const int result = real(pair, flags...);
  if (result == 0) {
    note_kind(pair[0], Kind::kPipe);
    note_kind(pair[1], Kind::kPipe);
  }
  return result;
}

template <class Real>
int copy_descriptor(Real real, int fd) {
  const int copy = real(fd);
  note_kind(copy, kind_of(fd));
  if (copy >= 0) doubt_connection(fd);
  return copy;
}

// Closes what had the number, if that is another.
template <class Real, class... Flags>
int replace_descriptor(Real real, int fd, int copy, Flags... flags) {
  const int result = real(fd, copy, flags...);
  if (result >= 0 && fd != copy && !is_vfork_child()) {
    end_connection(copy);
    set_kind(copy, kind_of(fd));
    doubt_connection(fd);
  }
  return result;
}

// Before the call: once it is closed, another thread may be given the number.
template <class Real>
int close_one(Real real, int fd) {
  if (!is_vfork_child()) {
    set_kind(fd, Kind::kOther);
    end_connection(fd);
  }
  return real(fd);
}

template <class Real>
int close_several(Real real, unsigned first, unsigned last, int flags) {
  if ((static_cast<unsigned>(flags) & CLOSE_RANGE_CLOEXEC) == 0 && !is_vfork_child()) {
    forget_kinds(first, last);
    end_connections(first, last);
  }
  return real(first, last, flags);
}

template <class Real>
void close_rest(Real real, int first) {
  if (!is_vfork_child()) {
    const unsigned least = first < 0 ? 0 : static_cast<unsigned>(first);
    forget_kinds(least, kMostDescriptors - 1);
    end_connections(least, kMostDescriptors - 1);
  }
  real(first);
}

}  // namespace

// Before the call, so what a failing dup2, dup3 or close_range would have closed is followed no more.
// A number that is copied, read or written so is doubted (N5 of connection_record.h).
void note_raw_call(long number, long a, long b, long c) noexcept {
  const int fd = static_cast<int>(a);
  switch (number) {
    case SYS_close:
      if (is_vfork_child()) return;
      set_kind(fd, Kind::kOther);
      return end_connection(fd);
    case SYS_close_range:
      if ((static_cast<unsigned>(c) & CLOSE_RANGE_CLOEXEC) != 0 || is_vfork_child()) return;
      forget_kinds(static_cast<unsigned>(a), static_cast<unsigned>(b));
      return end_connections(static_cast<unsigned>(a), static_cast<unsigned>(b));
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3:
      if (a == b || is_vfork_child()) return;
      end_connection(static_cast<int>(b));
      set_kind(static_cast<int>(b), kind_of(fd));
      return doubt_connection(fd);
    case SYS_dup:
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendfile:
      return doubt_connection(fd);
    default:
      return;
  }
}

void learn_standard_descriptors() noexcept {
  const int saved_errno = errno;
  for (int fd = 0; fd <= 2; ++fd) {
    struct stat what {};
    if (fstat(fd, &what) != 0) continue;
    if (S_ISSOCK(what.st_mode)) set_kind(fd, Kind::kSocket);
    if (S_ISFIFO(what.st_mode)) set_kind(fd, Kind::kPipe);
    if (S_ISREG(what.st_mode)) set_kind(fd, Kind::kFile);
  }
  errno = saved_errno;
}

}  // namespace notch::preload

#define NOTCH_DESCRIPTORS(...) NOTCH_DEFINE_WRAPPER(kDescriptors, __VA_ARGS__)
#include "client/preload/wrappers.def"
