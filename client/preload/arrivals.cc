#include "client/preload/arrivals.h"

#include <netinet/in.h>
#include <sys/syscall.h>

#include <cstdint>
#include <cstring>

#include "client/preload/connections.h"
#include "client/preload/core.h"
#include "client/preload/descriptors.h"
#include "client/preload/raw_system_call.h"
#include "client/preload/vfork.h"

namespace notch::preload {
namespace {

constexpr int kScmPidfd = 4;  // newer than the headers

long word_of(void* address) noexcept {
  return static_cast<long>(reinterpret_cast<std::intptr_t>(address));
}

// An option of a socket; -1 if it is none.
int option_of(int fd, int name) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  notch_raw_system_call(SYS_getsockopt, fd, SOL_SOCKET, name, word_of(&value), word_of(&size));
  return value;
}

// AR2. Calls action(fd) for each descriptor in there.
template <class Action>
void for_each_descriptor(const msghdr& message, Action action) noexcept {
  const auto* at = static_cast<const char*>(message.msg_control);
  if (at == nullptr) return;
  for (std::size_t left = message.msg_controllen; left >= sizeof(cmsghdr);) {
    cmsghdr header;
    std::memcpy(&header, at, sizeof header);
    if (header.cmsg_len < CMSG_LEN(0) || header.cmsg_len > left) return;
    const bool has_some = header.cmsg_level == SOL_SOCKET &&
                          (header.cmsg_type == SCM_RIGHTS || header.cmsg_type == kScmPidfd);
    const std::size_t count = has_some ? (header.cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, at + CMSG_LEN(0) + i * sizeof fd, sizeof fd);
      action(fd);
    }
    const std::size_t step = CMSG_ALIGN(header.cmsg_len);
    if (step >= left) return;
    at += step;
    left -= step;
  }
}

}  // namespace

void note_arrival(int fd) noexcept {
  if (fd < 0 || is_vfork_child()) return;
  const int type = may_be_in_sandbox() ? -1 : option_of(fd, SO_TYPE);
  end_connection(fd);
  set_kind(fd, type < 0 ? Kind::kOther : Kind::kSocket);
  if (type == SOCK_STREAM || may_be_in_sandbox()) begin_connection(fd, {.has_arrived = true});
}

namespace arrivals_slow {

void note_received(const msghdr& message) noexcept {
  for_each_descriptor(message, note_arrival);
}

void note_sent(const msghdr& message) noexcept {
  for_each_descriptor(message, doubt_connection);
}

}  // namespace arrivals_slow

bool is_stream_socket(int fd) noexcept {
  return may_be_in_sandbox() || option_of(fd, SO_TYPE) == SOCK_STREAM;
}

bool is_tcp_socket(int fd) noexcept {
  constexpr int kMptcp = 262;
  const int protocol = may_be_in_sandbox() ? IPPROTO_TCP : option_of(fd, SO_PROTOCOL);
  return protocol == IPPROTO_TCP || protocol == kMptcp;
}

EndpointId endpoint_of_peer(int fd) noexcept {
  if (may_be_in_sandbox()) return kEndpointUnnamed;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const bool is_known =
      notch_raw_system_call(SYS_getpeername, fd, word_of(&address), word_of(&size), 0) == 0;
  if (!is_known || size <= sizeof address.ss_family) return kEndpointUnnamed;
  return endpoint_of(reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace notch::preload
