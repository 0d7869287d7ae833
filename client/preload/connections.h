// The connections this process accepted or made, by descriptor: what is followed of each, from one
// call to the next. Called by: the wrappers that make, feed and close them (io, net, descriptors).
//
// Bounds, and why
//   kMostDescriptors records, the same numbers as have a kind. A record has memory once it is used
//   (record_pages.h). Where a program's memory is limited (RLIMIT_AS, RLIMIT_DATA) there are as
//   many as it may have descriptors at its start, and at most what a small share of the limit
//   holds. The descriptors above are not followed.
//
//   kMostInherited numbers that a process may have from its start, and no more are looked at. Each is
//   until it is made anew, or a few of its calls have moved no HTTP.
//
//   kMostElsewhere numbers whose record is not at their own place: copies, and what came while a copy
//   had the place. Copies beyond are not followed.
//
// Invariants, besides those of connection_record.h
//   CS1  A connection is over when the last of its numbers is closed, or given out anew, or the
//        process ends by exit().
//   CS2  A connection that another process had before is on neither side until a message of HTTP
//        begins on it, and is not counted as open before.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "client/preload/connection_record.h"
#include "client/preload/descriptors.h"
#include "client/preload/http/http_exchange.h"
#include "shm/memory_order.h"

struct msghdr;

namespace notch::preload {

// The state of a descriptor's number. [tag: number]
enum Watch : std::uint8_t {
  kLook = 1,    // behind a call that moved bytes there is something to do
  kBegins = 2,  // so there is before a call that writes: a client's each, a server's first
  kHas = 4,     // there is a record
  kElsewhere = 8,
  kInherited = 16,  // the process may have it from its start; then kCount is the looks left
  kCount = 0xe0,    // else of the connections under this number: by it one is known from the next
};
extern std::uint8_t watches[kMostDescriptors];
inline constexpr std::size_t kMostElsewhere = 512;
inline constexpr std::size_t kMostInherited = 1024;

// Relaxed: as kind_of().
inline std::uint8_t watch_of(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  return index < kMostDescriptors ? shm::read_alone(watches[index]) : std::uint8_t{0};
}
inline bool is_watched(int fd) noexcept {
  return (watch_of(fd) & kLook) != 0;
}

// For the constructor, before anything is counted.
void begin_connections() noexcept;

struct ConnectionStart {
  HttpRole role = HttpRole::kUnknown;
  std::uint8_t endpoint = 0;
  std::uint64_t connecting_since_ns = 0;  // 0: it is there
  bool has_arrived = false;               // another process had it before (CS2)
};
void begin_connection(int fd, const ConnectionStart& start) noexcept;

// For the constructor: the numbers that the process may have from its start, before anything is
// counted; and then 0, if that is a connection. `standard` has a bit for each of 0, 1 and 2 that is
// the socket which 0 is. Of 1 and 2 no other is looked at: that is where logs are written.
void expect_inherited() noexcept;
void begin_standard_connection(unsigned standard) noexcept;

// Before a filter that may forbid to ask for memory: records for as many descriptors as programs
// usually may have.
void make_room_for_connections() noexcept;

// Before the number is closed or becomes a copy of another, or when it is given out anew.
void end_connection(int fd) noexcept;

// `copy` is the same connection from here on; whatever it was before is over.
void share_connection(int fd, int copy) noexcept;

// For a connect in progress. conclude_connecting() is told its end by connect itself or SO_ERROR, which
// say how, or by the first bytes.
bool is_connecting(int fd) noexcept;
void conclude_connecting(int fd, int error_number) noexcept;

// A TLS session is on the connection, and ends with it; or is no more. False: none is known there.
bool bind_session(int fd, unsigned session) noexcept;
void unbind_session(int fd, unsigned session) noexcept;
void end_connections(unsigned first, unsigned last) noexcept;

// The process ends, and all its connections: of a request that is under way nobody knows whether it
// is answered, for libc writes what its streams still hold after this.
void end_all_connections() noexcept;

// A call was made on the number past the wrappers.
void doubt_connection(int fd) noexcept;

// The program will write nothing more, or do neither.
void end_writing(int fd) noexcept;

// The endpoint of the client's connection that bytes last passed on in this thread, of those that
// were still followed: as the first bytes of each are. 0 if there was none since it was set to 0.
extern __thread std::uint8_t last_endpoint __attribute__((tls_model("initial-exec")));
// And its number, which 0 is not.
extern __thread std::int32_t last_descriptor __attribute__((tls_model("initial-exec")));

namespace connection_slow {
void pass(int fd, Way way, ssize_t result, const iovec* parts, std::size_t count,
          std::uint64_t begun) noexcept;
std::uint64_t start_of_write(int fd) noexcept;
void pass_unseen(int fd, Way way, ssize_t result, std::uint64_t begun) noexcept;
}  // namespace connection_slow

// Before a call that writes: when it began, where that is wanted; else what is known of the number:
// less than kLeastTime. It may be given out anew before the call is told of.
inline constexpr std::uint64_t kLeastTime = 256;
[[gnu::always_inline]] inline std::uint64_t begin_write(int fd) noexcept {
  const std::uint8_t watch = watch_of(fd);
  if ((watch & kBegins) == 0) [[likely]]
    return watch;
  return connection_slow::start_of_write(fd);
}

// Behind a call that moved `result` bytes of a buffer, or of several. What the call takes besides
// is of no interest.
template <class Size, class... Rest>
[[gnu::always_inline]] inline void pass(int fd, Way way, std::uint64_t begun, ssize_t result,
                                        const void* buffer, Size size, Rest...) noexcept {
  if (!is_watched(fd)) [[likely]]
    return;
  const iovec part{const_cast<void*>(buffer), static_cast<std::size_t>(size)};
  connection_slow::pass(fd, way, result, &part, 1, begun);
}

template <class Count, class... Rest>
[[gnu::always_inline]] inline void pass(int fd, Way way, std::uint64_t begun, ssize_t result,
                                        const iovec* parts, Count count, Rest...) noexcept {
  if (!is_watched(fd)) [[likely]]
    return;
  connection_slow::pass(fd, way, result, parts, static_cast<std::size_t>(count), begun);
}

// Bytes that were never in the program's memory.
[[gnu::always_inline]] inline void pass_unseen(int fd, Way way, std::uint64_t begun,
                                               ssize_t result) noexcept {
  if (!is_watched(fd)) [[likely]]
    return;
  connection_slow::pass_unseen(fd, way, result, begun);
}

}  // namespace notch::preload
