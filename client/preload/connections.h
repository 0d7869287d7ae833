// The connections this process accepted or made, by descriptor: what is followed of each, from one
// call to the next. Called by: the wrappers that make, feed and close them (io, net, descriptors).
//
// A byte for each descriptor says whether there is anything to do behind a call that moved bytes:
// not for files, not for what is not HTTP. It is also the lock of the descriptor's record. A thread
// that finds another in there tries again for about as long as one reading takes; if that is not
// enough, the connection is given up and counted as that.
//
// Bounds, and why
//   kMostDescriptors records of 192 bytes, the same numbers as have a kind, in one mapping made by
//   the constructor. All are zero pages until used: a process has as many of them in memory as it
//   had connections at once, 21 to a page. Address space they take all the same: where that is
//   limited (RLIMIT_AS), there are as many as the program may have descriptors at its start, and
//   at most what a small share of the limit holds. The descriptors above are not followed.
//
// Invariants
//   N1  Whoever holds the byte has the record alone. [tag: connection]
//   N2  A record belongs to the process that accepted or connected it. A forked child goes on with
//       a connection it inherited once no exchange is under way on it, and never counts its
//       parent's exchanges, nor its open connections.
//   N3  A copy of a descriptor is not followed; the number that accept or connect gave is, until it
//       is closed.
//   N4  No system call, no allocation, and errno is not touched.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "client/preload/descriptors.h"
#include "client/preload/http_exchange.h"
#include "client/preload/http_machine.h"
#include "shm/memory_order.h"

struct msghdr;

namespace notch::preload {

struct Connection {
  HttpConnection http;
  std::uint8_t endpoint;    // of a client: EndpointId
  std::uint8_t generation;  // of the process it belongs to (N2)
  std::uint8_t missed;      // bytes went by while another thread was in here
  std::uint8_t spare;
  std::uint32_t connecting_since_us;  // 0: connect has answered, or it is not timed
};
static_assert(sizeof(Connection) == 192);

enum class Watch : std::uint8_t { kNone = 0, kFree = 1, kTaken = 2 };

extern std::uint8_t watches[kMostDescriptors];

// Relaxed: as kind_of().
inline bool is_watched(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  return index < kMostDescriptors && shm::read_alone(watches[index]) != 0;
}

// For the constructor, before anything is counted. `patterns`: the routes that the user names, such
// as
// `/user/{id}`, joined by commas; may be null. Returns the first that cannot be one, or null.
const char* begin_connections(const char* patterns) noexcept;

struct ConnectionStart {
  HttpRole role = HttpRole::kUnknown;
  std::uint8_t endpoint = 0;
  std::uint64_t connecting_since_ns = 0;  // 0: it is there
};
void begin_connection(int fd, const ConnectionStart& start) noexcept;

// Before the number is closed or becomes a copy of another.
void end_connection(int fd) noexcept;
void end_connections(unsigned first, unsigned last) noexcept;

// The program will write nothing more, or do neither.
void end_writing(int fd) noexcept;

enum class Way : std::uint8_t { kIn, kOut };

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
