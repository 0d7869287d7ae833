// HTTP/1.x on one connection, followed from the bytes the application reads and writes: which
// requests were made, what answered them, how long it took. It only looks on.
// Called by: the preloaded library's http module, from within read, write and their kin, and from
// SSL_read and SSL_write with `secure` set. The caller makes sure that one thread at a time is in
// here for a connection.
//
// A duration is, for a server, from the first byte of the request read to the last byte of the
// answer written; for a client from the first byte written to the last byte read. Where only the
// end of the connection ends the answer, it is the time of that end.
//
// Rules, besides those of http_head.h
//   The first bytes decide: a method's token, a target and "HTTP/1." make the connection HTTP (or
//   an answer that begins with "HTTP/1." does, when the request's line is not read yet). Anything
//   else, HTTP/0.9 and the preface of HTTP/2 included, is never looked at again.
//   An answer belongs to the oldest pending request; 1xx but 101 is not an answer. 101, and 2xx to
//   CONNECT, end the following. HEAD, 204 and 304 have no body. An answer without a length lasts
//   until the connection ends.
//   An answer may come before its request is read whole: the exchange is over with the answer, and
//   counts what was read of the request's body until then.
//   A request that asked for 100-continue, got a final answer instead, and had sent nothing of its
//   body, sends none.
//   Requests that can no longer be told apart (garbage between two, a broken chunk): those pending
//   are still answered, garbage as a request of method `_OTHER`; later ones are not seen. A broken
//   answer, and one that nobody asked for, ends the following.
//
// Bounds, and why
//   8 pending requests: browsers never pipelined more than six; a load generator that does has the
//   rest dropped and counted, and the answers to those are passed over.
//   48 bits of start time: 78 hours in nanoseconds.
//   32 bits of body for a request that is read and waits behind others; the newest has 64.
//
// Invariants
//   M1  Zero bytes are a fresh connection, but for `role`; the state is HttpConnection alone, which
//       may be moved and forgotten.
//   M2  No byte outside the given ones is read, none is written, none is kept, and the work is
//       linear in their number; what an exchange's body holds costs nothing.
//   M3  The events do not depend on how the bytes of one direction were cut.
//   M4  Every event goes to the observer before the function returns, and X1 holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "client/preload/http_exchange.h"
#include "client/preload/http_head.h"
#include "client/preload/http_route.h"

namespace notch::preload {

inline constexpr std::size_t kPendingLimit = 8;

enum class HttpVerdict : std::uint8_t {
  kUndecided,
  kHttp,
  kNotHttp,  // this and below: not looked at any more
  kStopped,  // it was HTTP, and is something else now, or over
};

struct HttpPending {
  std::uint32_t start_low;
  std::uint16_t start_high;
  HttpRouteId route;
  HttpMethod method : 5;
  std::uint8_t announced : 1;  // started() was told
  std::uint8_t version_1_0 : 1;
  std::uint8_t spare : 1;
  std::uint32_t body_bytes;  // once another request is read behind it
};
static_assert(sizeof(HttpPending) == 12);

struct HttpConnection {
  HttpRole role;
  bool secure;
  HttpVerdict verdict;
  std::uint8_t first;     // of pending, in a circle
  std::uint8_t count;     // of pending
  std::uint8_t reading;   // whether the newest pending is what `request` reads, or read last
  std::uint16_t dropped;  // requests after the pending ones, not followed and not yet answered
  HttpStream request;
  HttpStream response;
  HttpPending pending[kPendingLimit];
  RouteCursor cursor;
  std::uint16_t status;  // of the answer being read; 0 before it is known
  std::uint16_t spare;
};
static_assert(sizeof(HttpConnection) <= 192);
static_assert(
    std::has_unique_object_representations_v<HttpConnection>);  // may be compared by bytes

struct HttpWatch {
  const HttpObserver* observer;
  HttpRoutes* routes;
};

namespace http_slow {
void pass_bytes(HttpConnection&, const HttpWatch&, const void* bytes, std::size_t size, bool in,
                std::uint64_t now) noexcept;
void pass_body(HttpConnection&, const HttpWatch&, std::uint64_t count, bool in,
               std::uint64_t now) noexcept;
void end(HttpConnection&, const HttpWatch&, std::uint64_t now) noexcept;
void give_up(HttpConnection&, const HttpWatch&, std::uint64_t now) noexcept;
}  // namespace http_slow

inline bool is_followed(const HttpConnection& connection) noexcept {
  return connection.verdict < HttpVerdict::kNotHttp;
}

// `now`: any monotonic unit, 0 for no clock. An iovec is its pieces one after another.

// Bytes the application read.
inline void http_in(HttpConnection& connection, const HttpWatch& watch, const void* bytes,
                    std::size_t size, std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::pass_bytes(connection, watch, bytes, size, true, now);
}

// Bytes the application wrote.
inline void http_out(HttpConnection& connection, const HttpWatch& watch, const void* bytes,
                     std::size_t size, std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::pass_bytes(connection, watch, bytes, size, false, now);
}

// Bytes of a body that went by without being in the application's memory (splice, sendfile).
inline void http_body_in(HttpConnection& connection, const HttpWatch& watch, std::uint64_t count,
                         std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::pass_body(connection, watch, count, true, now);
}
inline void http_body_out(HttpConnection& connection, const HttpWatch& watch, std::uint64_t count,
                          std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::pass_body(connection, watch, count, false, now);
}

// close, or an error that ends the connection. Every pending exchange is finished.
inline void http_end(HttpConnection& connection, const HttpWatch& watch,
                     std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::end(connection, watch, now);
}

// Bytes went by that were not seen: it cannot be followed any longer.
inline void http_give_up(HttpConnection& connection, const HttpWatch& watch,
                         std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::give_up(connection, watch, now);
}

// A read that returned 0: to a client the last answer is over, to a server nothing is.
inline void http_end_in(HttpConnection& connection, const HttpWatch& watch,
                        std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kClient) http_end(connection, watch, now);
}

// shutdown of the writing side: the same for a server.
inline void http_end_out(HttpConnection& connection, const HttpWatch& watch,
                         std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kServer) http_end(connection, watch, now);
}

}  // namespace notch::preload
