// The net module: connections made and accepted, bytes sent and received by the calls that only
// sockets have; and what these calls mean to the connections that are followed.
// Called by: the program, in libc's place.
//
// Counted are all calls; timed are every connect, and a random sample of the others. A call that
// looks without taking (MSG_PEEK, MSG_ERRQUEUE) moved no bytes.
#include <errno.h>

#include <algorithm>
#include <cstring>

#include "client/preload/arrivals.h"
#include "client/preload/connections.h"
#include "client/preload/counting.h"
#include "client/preload/endpoints.h"
#include "client/preload/net_figures.h"
#include "client/preload/vfork.h"
#include "client/preload/wrapper.h"
#include "shm/keep_errno.h"

namespace notch::preload {
namespace {

// --- connections ---

[[gnu::cold]] bool is_begun(int result) noexcept {
  return result == 0 || errno == EINPROGRESS;
}

// The program asks again, of a connect that was under way: the answer is that one's.
template <class Real>
int ask_connect_again(Real real, int fd, const sockaddr* address, socklen_t size) {
  const int result = real(fd, address, size);
  const shm::KeepErrno keep;
  const int error = result == 0 || errno == EISCONN ? 0 : errno;
  const bool goes_on = error == EALREADY || error == EINPROGRESS || error == EINTR;
  if (!goes_on) conclude_connecting(fd, error);
  return result;
}

template <class Real>
int make_connection(Real real, int fd, const sockaddr* address, socklen_t size) {
  if (is_watched(fd) && is_connecting(fd)) return ask_connect_again(real, fd, address, size);
  const std::uint64_t start_ns = now_ns();
  const int result = real(fd, address, size);
  const shm::KeepErrno keep;
  NetFigures& figures = figures_of(NetOperation::kConnect);
  if (is_active(kNet)) {
    const bool again = result != 0 && (errno == EALREADY || errno == EISCONN || errno == EINTR);
    if (!again) figures.operations.add();
    if (result != 0 && !again) count_error(figures);
    const std::uint64_t end_ns = now_ns();
    if (result == 0 && start_ns != 0 && end_ns >= start_ns)
      figures.duration.observe(static_cast<double>(end_ns - start_ns) * 1e-9);
  }
  if (is_begun(result) && !is_vfork_child()) {
    const EndpointId endpoint = endpoint_of(address, size);
    const bool speaks = address != nullptr && size >= sizeof address->sa_family &&
                        (address->sa_family == AF_INET || address->sa_family == AF_INET6 ||
                         address->sa_family == AF_UNIX);
    begin_connection(fd, {.role = speaks ? HttpRole::kClient : HttpRole::kUnknown,
                          .endpoint = endpoint,
                          .connecting_since_ns = result == 0 ? 0 : start_ns});
  }
  return result;
}

template <class Real, class... Rest>
int accept_connection(Real real, int fd, Rest... rest) {
  NetFigures& figures = figures_of(NetOperation::kAccept);
  const bool counts = is_active(kNet);
  const int made = counts ? sampled(figures, real, fd, rest...) : real(fd, rest...);
  if (made < 0) {
    if (counts) count_error(figures);
    return made;
  }
  if (counts) figures.operations.add();
  if (is_vfork_child()) return made;
  set_kind(made, Kind::kSocket);
  begin_connection(made, {.role = HttpRole::kServer});
  return made;
}

// SO_ERROR is how every program learns what became of a connect that had only begun.
template <class Real>
int ask_option(Real real, int fd, int level, int name, void* value, socklen_t* size) {
  const int result = real(fd, level, name, value, size);
  const bool told = result == 0 && level == SOL_SOCKET && name == SO_ERROR && is_watched(fd);
  if (told) [[unlikely]] {
    int error = 0;
    if (*size == sizeof error) std::memcpy(&error, value, sizeof error);
    if (error != EINPROGRESS && error != EALREADY) conclude_connecting(fd, error);
  }
  return result;
}

template <class Real>
int end_direction(Real real, int fd, int how) {
  const int result = real(fd, how);
  if (result == 0 && how != SHUT_RD) end_writing(fd);
  return result;
}

// --- bytes ---

// Nothing is taken from the stream, or what is no part of it.
constexpr int kAside = MSG_PEEK | MSG_ERRQUEUE | MSG_OOB;

template <class Real, class... Rest>
ssize_t send_buffer(Real real, int fd, const void* buffer, size_t size, int flags, Rest... rest) {
  const std::uint64_t begun = begin_write(fd);
  const ssize_t result =
      counted(figures_of(NetOperation::kSend), real, fd, buffer, size, flags, rest...);
  if ((flags & MSG_OOB) == 0) pass(fd, Way::kOut, begun, result, buffer, size);
  return result;
}

template <class Real>
ssize_t send_message(Real real, int fd, const msghdr* message, int flags) {
  const std::uint64_t begun = begin_write(fd);
  const ssize_t result = counted(figures_of(NetOperation::kSend), real, fd, message, flags);
  if (result >= 0) note_sent(*message);
  if (message != nullptr && (flags & MSG_OOB) == 0)
    pass(fd, Way::kOut, begun, result, message->msg_iov, message->msg_iovlen);
  return result;
}

size_t room_of(const msghdr& message) noexcept {
  size_t room = 0;
  for (size_t i = 0; i < message.msg_iovlen; ++i) room += message.msg_iov[i].iov_len;
  return room;
}

// With MSG_TRUNC the result may be more than there was room for, and a stream's bytes are dropped
// unseen.
[[gnu::cold, gnu::noinline]] void conclude_special(int fd, ssize_t result, size_t room, int flags) {
  const ssize_t moved = std::min(result, static_cast<ssize_t>(room));
  count(figures_of(NetOperation::kReceive),
        (flags & kAside) != 0 ? std::min<ssize_t>(result, 0) : moved);
  if ((flags & kAside) == 0) pass_unseen(fd, Way::kIn, 0, moved);
}

template <class Real, class... Arguments>
ssize_t receive_into(Real real, int fd, void* buffer, size_t size, int flags,
                     Arguments... arguments) {
  const ssize_t result =
      sampled(figures_of(NetOperation::kReceive), real, fd, buffer, arguments...);
  if ((flags & (kAside | MSG_TRUNC)) != 0) [[unlikely]] {
    conclude_special(fd, result, size, flags);
    return result;
  }
  count(figures_of(NetOperation::kReceive), result);
  pass(fd, Way::kIn, 0, result, buffer, size);
  return result;
}

template <class Real, class... Rest>
ssize_t receive_buffer(Real real, int fd, void* buffer, size_t size, int flags, Rest... rest) {
  return receive_into(real, fd, buffer, size, flags, size, flags, rest...);
}

template <class Real, class... Rest>
ssize_t receive_checked(Real real, int fd, void* buffer, size_t size, size_t room, int flags,
                        Rest... rest) {
  return receive_into(real, fd, buffer, size, flags, size, room, flags, rest...);
}

template <class Real>
ssize_t receive_message(Real real, int fd, msghdr* message, int flags) {
  const ssize_t result = sampled(figures_of(NetOperation::kReceive), real, fd, message, flags);
  if (result >= 0) note_received(*message);
  if ((flags & (kAside | MSG_TRUNC)) != 0) [[unlikely]] {
    conclude_special(fd, result, result > 0 ? room_of(*message) : 0, flags);
    return result;
  }
  count(figures_of(NetOperation::kReceive), result);
  if (message != nullptr) pass(fd, Way::kIn, 0, result, message->msg_iov, message->msg_iovlen);
  return result;
}

// Several at once: `done` messages, or -1 and errno.
void conclude_messages(NetOperation operation, int fd, Way way, const mmsghdr* messages, int done,
                       int flags, std::uint64_t begun) noexcept {
  ssize_t moved = std::min(done, 0);
  const bool aside = (flags & (kAside | MSG_TRUNC)) != 0;
  for (int i = 0; i < done; ++i) {
    const msghdr& message = messages[i].msg_hdr;
    const size_t size =
        aside ? std::min<size_t>(messages[i].msg_len, room_of(message)) : messages[i].msg_len;
    if ((flags & kAside) != 0) continue;
    moved += static_cast<ssize_t>(size);
    pass(fd, way, begun, static_cast<ssize_t>(size), message.msg_iov, message.msg_iovlen);
  }
  count(figures_of(operation), moved);
}

template <class Real, class Flags>
int send_messages(Real real, int fd, mmsghdr* messages, unsigned number, Flags flags) {
  const std::uint64_t begun = begin_write(fd);
  const int done = sampled(figures_of(NetOperation::kSend), real, fd, messages, number, flags);
  for (int i = 0; i < done; ++i) note_sent(messages[i].msg_hdr);
  conclude_messages(NetOperation::kSend, fd, Way::kOut, messages, done, flags & MSG_OOB, begun);
  return done;
}

template <class Real, class Flags, class Timeout>
int receive_messages(Real real, int fd, mmsghdr* messages, unsigned number, Flags flags,
                     Timeout timeout) {
  const int done =
      sampled(figures_of(NetOperation::kReceive), real, fd, messages, number, flags, timeout);
  for (int i = 0; i < done; ++i) note_received(messages[i].msg_hdr);
  conclude_messages(NetOperation::kReceive, fd, Way::kIn, messages, done, flags, 0);
  return done;
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/connections_wrappers.def"
#include "client/preload/net_wrappers.def"
