#include "client/preload/descriptors.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "client/preload/arrivals.h"
#include "client/preload/connections.h"
#include "client/preload/vfork.h"
#include "client/preload/wrapper.h"
#include "shm/keep_errno.h"

namespace notch::preload {

alignas(std::uint64_t) std::uint8_t descriptor_kinds[kMostDescriptors];

namespace {

#ifdef SYS_dup2
constexpr long kDup2 = SYS_dup2;
#else
constexpr long kDup2 = -1;  // libc makes it of dup3
#endif

// A number is given out: what stood under it was closed by a way that we do not see. Of this process:
// a child made by vfork has a table of descriptors of its own, and none of ours.
void note_kind(int fd, Kind kind) noexcept {
  if (is_vfork_child()) return;
  end_connection(fd);
  set_kind(fd, kind);
}

void note_copy(int fd, int copy) noexcept {
  if (copy < 0 || is_vfork_child()) return;
  share_connection(fd, copy);
  set_kind(copy, kind_of(fd));
}

// A path may lead to a device or a named pipe as well: the kind is "file" all the same.
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
  note_copy(fd, copy);
  return copy;
}

// Only the commands that copy a descriptor matter.
template <class Real>
int control_descriptor(Real real, int fd, int command, long argument) {
  const int result = real(fd, command, argument);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) note_copy(fd, result);
  return result;
}

template <class Real>
int take_descriptor(Real real, int process, int fd, unsigned flags) {
  const int taken = real(process, fd, flags);
  note_arrival(taken);
  return taken;
}

// One that is of no kind of ours. signalfd gives the number that it was given, if that is one.
template <class Real, class... Arguments>
int open_other(Real real, Arguments... arguments) {
  const int fd = real(arguments...);
  note_kind(fd, Kind::kOther);
  return fd;
}

// Closes what had the number, if that is another.
template <class Real, class... Flags>
int replace_descriptor(Real real, int fd, int copy, Flags... flags) {
  const int result = real(fd, copy, flags...);
  if (fd != copy) note_copy(fd, result);
  return result;
}

// Before the call: once it is closed, another thread may be given the number.
void note_close(int fd) noexcept {
  if (is_vfork_child()) return;
  set_kind(fd, Kind::kOther);
  end_connection(fd);
}

void note_accept(int fd) noexcept {
  if (is_vfork_child()) return;
  set_kind(fd, Kind::kSocket);
  begin_connection(fd, {.role = HttpRole::kServer});
}

void note_close_of(unsigned first, unsigned last, unsigned flags) noexcept {
  if ((flags & CLOSE_RANGE_CLOEXEC) != 0 || is_vfork_child()) return;
  forget_kinds(first, last);
  end_connections(first, last);
}

template <class Real>
int close_one(Real real, int fd) {
  note_close(fd);
  return real(fd);
}

// Its number is a field of the stream, in every glibc; -1 or less if it has none.
template <class Real>
int close_stream(Real real, FILE* stream) {
  if (stream != nullptr && stream->_fileno >= 0) note_close(stream->_fileno);
  return real(stream);
}

template <class Real>
int close_several(Real real, unsigned first, unsigned last, int flags) {
  note_close_of(first, last, static_cast<unsigned>(flags));
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

// A failing close_range ends what it would have closed. A number that is read or written so is doubted
// (NR5 of connection_record.h).
void note_before_system_call(long number, long a, long b, long c) noexcept {
  switch (number) {
    case SYS_close:
      return note_close(static_cast<int>(a));
    case SYS_close_range:
      return note_close_of(static_cast<unsigned>(a), static_cast<unsigned>(b),
                           static_cast<unsigned>(c));
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendfile:
      return doubt_connection(static_cast<int>(a));
    default:
      return;
  }
}

void note_after_system_call(long number, long a, long b, long result) noexcept {
  if (result < 0) return;
  if (number == SYS_recvmsg && b != 0) return note_received(*reinterpret_cast<const msghdr*>(b));
  if (number == SYS_sendmsg && b != 0) return note_sent(*reinterpret_cast<const msghdr*>(b));
  if (number == SYS_accept || number == SYS_accept4) return note_accept(static_cast<int>(result));
  if (number == SYS_pidfd_getfd) return note_arrival(static_cast<int>(result));
  const bool copies = number == SYS_dup || (number == kDup2 && a != b) || number == SYS_dup3 ||
                      (number == SYS_fcntl && (b == F_DUPFD || b == F_DUPFD_CLOEXEC));
  if (copies) note_copy(static_cast<int>(a), static_cast<int>(result));
}

unsigned learn_standard_descriptors() noexcept {
  const shm::KeepErrno keep;
  unsigned sockets = 0;
  struct stat input {};
  for (int fd = 0; fd <= 2; ++fd) {
    struct stat what {};
    if (fstat(fd, &what) != 0) continue;
    if (S_ISSOCK(what.st_mode)) set_kind(fd, Kind::kSocket);
    if (fd == 0) input = what;
    const bool is_input = what.st_dev == input.st_dev && what.st_ino == input.st_ino;
    if (S_ISSOCK(input.st_mode) && is_input) sockets |= 1U << fd;
    if (S_ISFIFO(what.st_mode)) set_kind(fd, Kind::kPipe);
    if (S_ISREG(what.st_mode)) set_kind(fd, Kind::kFile);
  }
  return sockets;
}

}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/descriptors_wrappers.def"
