// The results of the HTTP/1.x machine, as plain values, and the interface that receives them.
// Called by: http_machine (fills them), the preloaded library's http module (counts them).
//
// Invariants
//   HX1  Each started() is answered by exactly one finished(), with the same role, method and
//        scheme.
//   HX2  No pointer into the application's bytes is ever handed on.
#pragma once

#include <cstdint>

namespace notch::preload {

// The program's side of this connection: server if it accepted it, client if it connected.
enum class HttpRole : std::uint8_t { kUnknown, kServer, kClient };

// Any method not named here is kOther, the label `_OTHER`.
enum class HttpMethod : std::uint8_t {
  kOther,
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kQuery,
};

// How an exchange failed, besides its status.
enum class HttpError : std::uint8_t {
  kNone,
  kNoAnswer,  // before an answer's head was whole; there is no status
  kCutShort,  // within the answer's body
};

// Why an exchange is known and its answer is not, or the other way round.
enum class HttpLoss : std::uint8_t {
  kNone,
  kPipelined,  // more requests were waiting than are followed
  kContended,  // bytes passed while another thread was in the connection
  kFraming,    // where a message ends could not be told
  kUnended,    // this program closed the connection, and the answer may have passed unseen
  kUnasked,    // there was an answer, and no request was seen
  kUnheard,    // it is none: the answer before it said that the server reads no other request
};

// A route by its number in HttpRoutes; the first ones are the same in every process.
using HttpRouteId = std::uint8_t;
inline constexpr HttpRouteId kRouteNone = 0;      // a client's, or the target has no path (CONNECT)
inline constexpr HttpRouteId kRouteOverflow = 1;  // "/**": the table is full
inline constexpr HttpRouteId kRouteAsterisk = 2;  // "*": OPTIONS of the server as a whole
inline constexpr HttpRouteId kRouteRoot = 3;      // "/"

struct HttpRequestStart {
  HttpRole role;
  HttpMethod method;
  bool secure;  // the scheme is https
};

struct HttpExchange {
  HttpRole role;
  HttpMethod method;
  bool secure;
  bool version_1_0;  // the request said HTTP/1.0, else 1.1
  bool timed;        // both ends of the duration were given a clock
  bool presumed;     // that this program has closed the connection is all that says so
  HttpError error;
  HttpLoss loss;  // if there is one, nothing is known of the end: no error, no duration, no sizes
  HttpRouteId route;
  std::uint16_t status;  // 0: none was read
  std::uint64_t request_body_bytes;
  std::uint64_t response_body_bytes;
  std::uint64_t duration;  // in the caller's unit of time
};

// Receives exchanges to count them. The functions run within the application's read or write.
struct HttpObserver {
  void* context;
  void (*started)(void* context, const HttpRequestStart&);
  void (*finished)(void* context, const HttpExchange&);
  void (*lost)(void* context, HttpRole, HttpLoss);  // an exchange that never started here
};

const char* name_of(HttpMethod) noexcept;

}  // namespace notch::preload
