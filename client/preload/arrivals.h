// Descriptors that other processes made: those that come in a message (SCM_RIGHTS), or are taken
// out of another process (pidfd_getfd); and what the kernel is asked of these, and of those that
// the process has from its start. Called by: the wrappers of the calls that bring or send them
// (net, descriptors); connections.cc.
//
// Invariants
//   AR1  One getsockopt() for each descriptor that comes in. A call that brings none makes no system
//        call of ours, and neither does a process that may be in a
//        sandbox. Errno is left.
//   AR2  Of a control message nothing is read outside of what the kernel says it has written.
//   AR3  What a child made by vfork is given is none of ours: it has a table of descriptors of its own.
#pragma once

#include <sys/socket.h>

#include "client/preload/endpoints.h"

namespace notch::preload {

// The process was given a descriptor: what had its number was closed by a way that we do not see.
void note_arrival(int fd) noexcept;

namespace arrivals_slow {
void note_received(const msghdr& message) noexcept;
void note_sent(const msghdr& message) noexcept;
}  // namespace arrivals_slow

// Behind a call that received the message.
[[gnu::always_inline]] inline void note_received(const msghdr& message) noexcept {
  if (message.msg_controllen != 0) [[unlikely]]
    arrivals_slow::note_received(message);
}

// Behind a call that sent it: whoever has its descriptors now may answer on them.
[[gnu::always_inline]] inline void note_sent(const msghdr& message) noexcept {
  if (message.msg_controllen != 0) [[unlikely]]
    arrivals_slow::note_sent(message);
}

// In what may be a sandbox, where nobody is asked, whatever may be one is.
bool is_stream_socket(int fd) noexcept;
bool is_tcp_socket(int fd) noexcept;

// Whom it is connected to.
EndpointId endpoint_of_peer(int fd) noexcept;

}  // namespace notch::preload
