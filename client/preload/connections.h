// The connections this process accepted or made, by descriptor: what is followed of each, from one
// call to the next. Called by: the wrappers that make, feed and close them (io, net, descriptors).
//
// Bounds, and why
//   kMostDescriptors records, the same numbers as have a kind. A record has memory once it is used
//   (record_pages.h). Where a program's memory is limited (RLIMIT_AS, RLIMIT_DATA) there are as
//   many as it may have descriptors at its start, and at most what a small share of the limit
//   holds. The descriptors above are not followed.
//
// Invariants, besides those of connection_record.h
//   C1  A copy of a descriptor is not followed; the number that accept or connect gave is, until it
//       is closed. What it has not seen answered by then counts as not seen (N5).
//   C2  A number that is given out anew ends what stood under it: it was closed by a way that is not
//       seen.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "client/preload/connection_record.h"
#include "client/preload/descriptors.h"
#include "client/preload/http_exchange.h"
#include "shm/memory_order.h"

struct msghdr;

namespace notch::preload {

extern std::uint8_t watches[kMostDescriptors];

// Relaxed: as kind_of().
inline bool is_watched(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  return index < kMostDescriptors && shm::read_alone(watches[index]) != 0;
}

// For the constructor, before anything is counted.
void begin_connections() noexcept;

struct ConnectionStart {
  HttpRole role = HttpRole::kUnknown;
  std::uint8_t endpoint = 0;
  std::uint64_t connecting_since_ns = 0;  // 0: it is there
};
void begin_connection(int fd, const ConnectionStart& start) noexcept;

// Before a filter that may forbid to ask for memory: records for as many descriptors as programs
// usually may have.
void make_room_for_connections() noexcept;

// Before the number is closed or becomes a copy of another.
void end_connection(int fd) noexcept;
void end_connections(unsigned first, unsigned last) noexcept;

// The number has a copy, or a call was made on it past the wrappers.
void doubt_connection(int fd) noexcept;

// The number was given out anew, to what is not a connection. Cost: two bytes looked at.
void end_stale_connection(int fd) noexcept;

// The program will write nothing more, or do neither.
void end_writing(int fd) noexcept;

// The endpoint of the client's connection that bytes last passed on in this thread, of those that
// were still followed: as the first bytes of each are. 0 if there was none since it was set to 0.
extern __thread std::uint8_t last_endpoint __attribute__((tls_model("initial-exec")));

namespace connection_slow {
void pass(int fd, Way way, ssize_t result, const iovec* parts, std::size_t count) noexcept;
void pass_unseen(int fd, Way way, ssize_t result) noexcept;
}  // namespace connection_slow

// Behind a call that moved `result` bytes of a buffer, or of several. What the call takes besides
// is of no interest.
template <class Size, class... Rest>
[[gnu::always_inline]] inline void pass(int fd, Way way, ssize_t result, const void* buffer,
                                        Size size, Rest...) noexcept {
  if (!is_watched(fd)) [[likely]]
    return;
  const iovec part{const_cast<void*>(buffer), static_cast<std::size_t>(size)};
  connection_slow::pass(fd, way, result, &part, 1);
}

template <class Count, class... Rest>
[[gnu::always_inline]] inline void pass(int fd, Way way, ssize_t result, const iovec* parts,
                                        Count count, Rest...) noexcept {
  if (!is_watched(fd)) [[likely]]
    return;
  connection_slow::pass(fd, way, result, parts, static_cast<std::size_t>(count));
}

// Bytes that were never in the program's memory.
[[gnu::always_inline]] inline void pass_unseen(int fd, Way way, ssize_t result) noexcept {
  if (!is_watched(fd)) [[likely]]
    return;
  connection_slow::pass_unseen(fd, way, result);
}

}  // namespace notch::preload
