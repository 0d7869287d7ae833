// HTTP/1.x on one connection, followed from the bytes the application reads and writes: which
// requests were made, what answered them, how long it took. It only looks on.
// Called by: the preloaded library's http module, from within read, write and their kin, and from
// SSL_read and SSL_write with `secure` set. The caller makes sure that one thread at a time is in
// here for a connection.
//
// A duration is, for a server, from the first byte of the request read to the last byte of the
// answer written; for a client from the start of the call that wrote the first byte to the last
// byte read. Where only the end of the connection ends the answer, it is the time of that end.
//
// Rules, besides those of http_head.h
//   The first bytes decide: a method's token, a target and "HTTP/1." make the connection HTTP (or
//   an answer that begins with "HTTP/1." does). Anything else, HTTP/0.9 and the preface of HTTP/2
//   included, is never looked at again.
//   An answer belongs to the oldest pending request; 1xx but 101 is not an answer. 101, and 2xx to
//   CONNECT, end the following. HEAD, 204 and 304 have no body. An answer without a length lasts
//   until the connection ends.
//   A server's answer may come before its request is read whole: the exchange is over with the
//   answer, and counts what was read of the request's body until then.
//   A client's answer may be read before the request is known here, or known whole: one thread
//   writes and another reads. It waits for the request that is passed next, if that one's call
//   began before the answer ended; else nobody asked for it. The exchange is over with the request.
//   A request behind a server's answer that says that it is the last (Connection: close, HTTP/1.0) is
//   none, if the connection ends and it has no answer: the server read it, and looked at nothing. So
//   is one of which the line was not whole when the server ended its side, or found it broken.
//   A request that asked for 100-continue, got a final answer instead, and had sent nothing of its
//   body, sends none.
//
// Losses, and how step is found again
//   Requests that can no longer be told apart (garbage between two, a broken chunk, a doubtful
//   length, bytes that were missed): those pending are still answered, garbage and what was missed
//   as a request of method `_OTHER`. The next one is the next call's bytes that begin with a whole
//   request line.
//   Answers that can no longer be told apart: what was pending is lost, each request by itself. The
//   next answer is the next call's bytes that begin with a status line, or what follows the first
//   byte of a request that finds none pending.
//   A server's answer that no request is pending for was asked for by a request that was not seen,
//   and is an exchange that is lost; but not if an answer is owed to one that was counted already.
//   So each exchange is told once, by finished() or by lost(), whatever was seen of it.
//
// Invariants
//   MA1  The state is HttpConnection alone.
//   MA2  No byte outside the given ones is read, none is written, none is kept, and the work is
//        linear in their number; what an exchange's body holds costs nothing.
//   MA3  The events do not depend on how the bytes of one direction were cut, until kGuessed is set:
//        step is found again at a call's start alone.
//   MA4  Every event goes to the observer before the function returns, and HX1 holds.
//   MA5  An error that neither the peer's end nor a failed call says is told as presumed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/preload/http/http_connection.h"
#include "client/preload/http/http_exchange.h"

namespace notch::preload {

namespace http_slow {
struct HttpTimes {
  std::uint64_t now;
  std::uint64_t begun;  // when the call that moved the bytes began
};
void pass_bytes(HttpConnection&, const HttpWatch&, const void* bytes, std::size_t size, bool in,
                HttpTimes) noexcept;
void pass_body(HttpConnection&, const HttpWatch&, std::uint64_t count, bool in,
               std::uint64_t now) noexcept;
void end(HttpConnection&, const HttpWatch&, std::uint64_t now) noexcept;
void end_of_peer(HttpConnection&, const HttpWatch&, bool broken, std::uint64_t now) noexcept;
void end_of_own(HttpConnection&, const HttpWatch&, bool broken, std::uint64_t now) noexcept;
void inherit(HttpConnection&) noexcept;
void miss(HttpConnection&, const HttpWatch&, bool in, std::uint64_t now) noexcept;
}  // namespace http_slow

inline bool is_followed(const HttpConnection& connection) noexcept {
  return connection.verdict < HttpVerdict::kNotHttp;
}

// `now`: any monotonic unit, 0 for no clock. An iovec is its pieces one after another.

// Bytes the application read.
inline void http_in(HttpConnection& connection, const HttpWatch& watch, const void* bytes,
                    std::size_t size, std::uint64_t now) noexcept {
  if (is_followed(connection))
    http_slow::pass_bytes(connection, watch, bytes, size, true, {now, now});
}

// Bytes the application wrote, by a call that began at `begun`.
inline void http_out(HttpConnection& connection, const HttpWatch& watch, const void* bytes,
                     std::size_t size, std::uint64_t now, std::uint64_t begun) noexcept {
  if (is_followed(connection))
    http_slow::pass_bytes(connection, watch, bytes, size, false, {now, begun});
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

// close. Every pending exchange is finished.
inline void http_end(HttpConnection& connection, const HttpWatch& watch,
                     std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::end(connection, watch, now);
}

// Bytes were read, or written, that nobody looked at.
inline void http_miss(HttpConnection& connection, const HttpWatch& watch, bool in,
                      std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::miss(connection, watch, in, now);
}

// This is a forked child: what is pending is its parent's to tell. The answers to it, if they are
// given here, are nobody's.
inline void http_inherit(HttpConnection& connection) noexcept {
  if (is_followed(connection)) http_slow::inherit(connection);
}

// A read that returned 0, or that failed because the connection is broken: to a client the last
// answer is over; to a server the request that is not whole will never be.
inline void http_end_in(HttpConnection& connection, const HttpWatch& watch, bool broken,
                        std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::end_of_peer(connection, watch, broken, now);
}

// shutdown of the writing side, or a write that failed because the connection is broken: a server's
// last answer is over, one way or the other.
inline void http_end_out(HttpConnection& connection, const HttpWatch& watch, bool broken,
                         std::uint64_t now) noexcept {
  if (is_followed(connection)) http_slow::end_of_own(connection, watch, broken, now);
}

}  // namespace notch::preload
