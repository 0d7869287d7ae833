// The state of one HTTP/1.x connection from call to call: how far each direction is read, the requests
// that wait for their answers, the answers that came before their requests.
// Called by: http_machine and its parts; connection_record.h, which has it in each record.
//
// Bounds, and why
//   8 pending requests: browsers never pipelined more than six; a load generator that does has the
//   rest dropped and counted, and the answers to those are passed over.
//   2 early answers, of a client of which one thread writes and another reads: one for each request
//   of a write. Those beyond, of requests written together, are counted as requests beyond 8 are.
//   48 bits of time: 78 hours in nanoseconds.
//   32 bits of body for a request that is read and waits behind others, and for an early answer.
//
// Invariants
//   PH1  Zero bytes are a fresh connection, but for `role`; it may be moved and forgotten.
//   PH2  `reading` says that the newest pending request is what `request` reads, or read last.
//   PH3  While there are early answers at most one request is pending, the one being read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "client/preload/http/http_exchange.h"
#include "client/preload/http/http_head.h"
#include "client/preload/http/http_route.h"

namespace notch::preload {

inline constexpr std::size_t kPendingLimit = 8;
inline constexpr std::size_t kEarlyLimit = 2;

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
  std::uint8_t cut : 1;      // the connection ended within the request: nobody can answer it
  std::uint32_t body_bytes;  // once another request is read behind it
};
static_assert(sizeof(HttpPending) == 12);

struct HttpEarly {
  std::uint32_t end_low;
  std::uint16_t end_high;
  std::uint16_t status;      // 0: it was lost
  std::uint32_t body_bytes;  // or the HttpLoss
};
static_assert(sizeof(HttpEarly) == 12);

enum HttpSign : std::uint8_t {
  kUnowned = 1,    // the answer being read belongs to no request that is pending
  kPeerEnded = 2,  // the peer writes no more, or the connection is broken
  kGuessed = 4,    // once what was told depended on where a call's bytes began
  kOwnEnded = 8,   // a server writes no more: what it still reads is no request
};

struct HttpConnection {
  HttpRole role;
  bool secure;
  HttpVerdict verdict;
  std::uint8_t first;     // of pending, in a circle
  std::uint8_t count;     // of pending
  std::uint8_t reading;   // PH2
  std::uint16_t dropped;  // requests after the pending ones, counted as lost and not yet answered
  HttpStream request;
  HttpStream response;
  HttpPending pending[kPendingLimit];
  RouteCursor cursor;
  std::uint16_t status;  // of the answer being read; 0 before it is known
  std::uint8_t signs;    // HttpSign
  HttpLoss loss;         // why requests were last lost; kNone once one is found again
  HttpEarly early[kEarlyLimit];
  std::uint16_t early_beyond;  // answers after the early ones
  std::uint8_t early_count;
  std::uint8_t owed;  // answers that may still come to requests which are counted as lost
  std::uint32_t spare;
};
static_assert(sizeof(HttpConnection) == 216);
static_assert(
    std::has_unique_object_representations_v<HttpConnection>);  // may be compared by bytes

struct HttpWatch {
  const HttpObserver* observer;
  HttpRoutes* routes;
};

}  // namespace notch::preload
