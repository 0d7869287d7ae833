// Paths as templates of low cardinality (`/users/*/orders`), learned byte by byte into one table.
// Called by: http_machine (per request), the preloaded library's http module (patterns at start,
// text() once for each new route).
//
// The table is a tree whose nodes are segments, in one hash table. A connection keeps only the node
// it has come to and the segment it is in, so a path may be cut anywhere, and what was configured
// as `/user/{id}` is merely there before.
//
// The rule for a segment, first that fits: the same text is in the tree at this place; a configured
// `{name}` is; it is clean, and is learned; else `*`. Clean is: A-Z a-z _ - . only, at most 22
// bytes; or a version, `v` with one or two digits. Query, fragment and empty segments are dropped.
//
// Bounds, and why
//   22 bytes a segment: a node is then half a cache line; longer words are mostly tokens.
//   10 segments: what OpenTelemetry's instrumentation allows; deeper is `/**` below the tenth.
//   128 routes: each is a series for every method and status; then all others are `/**`.
//   512 nodes: four times the routes, for the segments on the way to them.
//   16 probes: a look-up is bounded however full the table is.
//
// Invariants
//   RO1  A raw path is never kept whole, and what is not clean is never kept at all.
//   RO2  No look-up waits: a slot another thread is filling is passed over, and at worst a text is
//        in the tree twice. Two ids may thus have one text; one id never has two.
//   RO3  A node never changes once published. [tag: route-node]
//   RO4  Zero bytes are an empty table, and an empty cursor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/preload/http/http_exchange.h"

namespace notch::preload {

inline constexpr std::size_t kSegmentBytes = 22;
inline constexpr std::size_t kRouteSegments = 10;
inline constexpr std::size_t kRouteLimit = 128;
inline constexpr std::size_t kRouteNodes = 512;
inline constexpr std::size_t kRouteProbes = 16;
inline constexpr std::size_t kRouteTextBytes = kRouteSegments * (kSegmentBytes + 1) + 3;

struct RouteNode {
  std::uint32_t tag;       // 0 free, 1 being filled, else from the segment's hash
  std::uint16_t parent;    // a node; 0 is the root
  std::uint16_t wildcard;  // the configured child `{name}`, or 0; set before any thread reads
  std::uint8_t route;      // the id of the route that ends here, or 0
  std::uint8_t length;
  char text[kSegmentBytes];
};
static_assert(sizeof(RouteNode) == 32);

struct HttpRoutes {
  RouteNode nodes[kRouteNodes];     // the first is the root and holds no text
  std::uint16_t ends[kRouteLimit];  // the node where a route ends [tag: route-end]
  std::uint32_t learned;
};

// Where a connection stands in a target that it is reading.
struct RouteCursor {
  std::uint16_t node;
  std::uint8_t length;  // of the segment so far, if it was cut; kSegmentBytes + 1 is "too long"
  std::uint8_t flags;   // what the segment contains besides clean bytes
  std::uint8_t depth;
  std::uint8_t form;  // TargetForm
  char segment[kSegmentBytes];
};
static_assert(sizeof(RouteCursor) == 28);

// Reads a target's bytes up to the one that ends it: a space, or any control byte. Returns how many
// bytes belong to the target; fewer than `size` means that it ended there.
std::size_t read_target(HttpRoutes&, RouteCursor&, const unsigned char* bytes,
                        std::size_t size) noexcept;

// The same of a target whose route nobody asks for.
std::size_t skip_target(const unsigned char* bytes, std::size_t size) noexcept;

// The target is over: the node of its path, for route_of(). Resets the cursor.
std::uint16_t end_target(HttpRoutes&, RouteCursor&) noexcept;

// The route that ends at a node; gives it an id at its first use.
HttpRouteId route_of(HttpRoutes&, std::uint16_t node) noexcept;

// Configures a pattern such as `/user/{id}/posts`, before any thread reads. False, and nothing
// promised, if it does not begin with '/', has more than 10 segments or one longer than 22 bytes,
// or finds no room.
bool add_pattern(HttpRoutes&, const char* pattern, std::size_t size) noexcept;

// Writes a route's text, at most kRouteTextBytes and no terminator. Returns its length; 0 for
// kRouteNone and for an id that was not given out.
std::size_t route_text(const HttpRoutes&, HttpRouteId, char* out) noexcept;

}  // namespace notch::preload
