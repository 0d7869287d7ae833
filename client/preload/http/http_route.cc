#include "client/preload/http/http_route.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "client/text_hash.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

constexpr std::uint16_t kRootNode = 0;
constexpr std::uint16_t kNoPath = kRouteNodes;
constexpr std::uint16_t kAsterisk = kRouteNodes + 1;
constexpr std::uint16_t kNoRoom = kRouteNodes + 2;
constexpr std::uint32_t kBeingFilled = 1;
constexpr std::uint8_t kFirstLearned = kRouteRoot + 1;
constexpr std::string_view kFixedTexts[] = {"", "/**", "*", "/"};

enum TargetForm : std::uint8_t {
  kUnread,
  kPath,
  kBeforePath,  // scheme and authority; depth counts their slashes
  kStar,
  kPastPath,     // in a query or a fragment, or deeper than a route goes
  kPastNothing,  // after something that is no target we know
};

// A segment's flags; a byte's kind. The first two are both.
constexpr std::uint8_t kDigit = 1;
constexpr std::uint8_t kUnclean = 2;
constexpr std::uint8_t kSlash = 4;
constexpr std::uint8_t kQuery = 8;
constexpr std::uint8_t kEnd = 16;

struct ByteKinds {
  std::uint8_t of[256];
  constexpr ByteKinds() : of() {
    for (int i = 0; i < 256; ++i) {
      const bool letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
      of[i] = i <= ' ' || i == 127 ? kEnd : letter ? std::uint8_t{0} : kUnclean;
    }
    for (int i = '0'; i <= '9'; ++i) of[i] = kDigit;
    for (const int byte : {'_', '-', '.'}) of[byte] = 0;
    for (const int byte : {'?', '#'}) of[byte] = kQuery;
    for (const int byte : {'/'}) of[byte] = kSlash;
  }
};
constexpr ByteKinds kKinds;

std::string_view text_of(const RouteNode& node) {
  return {node.text, node.length};
}

template <class Word>
bool differ_at(std::string_view one, std::string_view other, std::size_t at) {
  Word word_of_one = 0;
  Word word_of_other = 0;
  std::memcpy(&word_of_one, one.data() + at, sizeof(Word));
  std::memcpy(&word_of_other, other.data() + at, sizeof(Word));
  return word_of_one != word_of_other;
}

// Texts of a segment, at most 22 bytes. By words: memcmp's wide loads wait until what has just been
// stored in parts, as a decrypted request was, is in the cache.
bool is_same(std::string_view one, std::string_view other) {
  static_assert(kSegmentBytes <= 24);
  const std::size_t size = one.size();
  if (size != other.size()) return false;
  if (size >= 8) {
    return !differ_at<std::uint64_t>(one, other, 0) &&
           !(size > 16 && differ_at<std::uint64_t>(one, other, 8)) &&
           !differ_at<std::uint64_t>(one, other, size - 8);
  }
  if (size >= 4) {
    return !differ_at<std::uint32_t>(one, other, 0) &&
           !differ_at<std::uint32_t>(one, other, size - 4);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (one[i] != other[i]) return false;
  }
  return true;
}

// The child of `parent` with this text; learns it if there is none and `may_learn`. kNoRoom if
// there is neither. A slot being filled is passed over (RO2).
std::uint16_t child_of(HttpRoutes& routes, std::uint16_t parent, std::string_view text,
                       bool may_learn) noexcept {
  const std::uint64_t hash = client::hash_text(text, parent);
  const std::uint32_t tag = static_cast<std::uint32_t>(hash >> 32) | 2U;
  for (std::size_t probe = 0; probe < kRouteProbes; ++probe) {
    const std::size_t index = (hash + probe) % kRouteNodes;
    if (index == kRootNode) continue;
    RouteNode& node = routes.nodes[index];
    // [tag: route-node] the text and parent below are whole once the tag is there.
    const std::uint32_t found = shm::observe(node.tag);
    if (found == tag && node.parent == parent && is_same(text_of(node), text)) {
      return static_cast<std::uint16_t>(index);
    }
    if (found != 0) continue;
    if (!may_learn) return kNoRoom;
    // [tag: route-node] who takes a free slot fills it; nothing is read on the strength of this.
    if (!shm::exchange_if(node.tag, 0U, kBeingFilled)) continue;
    node.parent = parent;
    node.length = static_cast<std::uint8_t>(text.size());
    std::memcpy(node.text, text.data(), text.size());
    // [tag: route-node] Publishes the text and the parent; else a thread that finds the tag could
    // compare with a text that is written in part.
    shm::publish(node.tag, tag);
    return static_cast<std::uint16_t>(index);
  }
  return kNoRoom;
}

// A whole segment: where it lies in the target's bytes, or what the cursor has kept of it.
struct Segment {
  std::string_view text;  // more than kSegmentBytes: too long
  std::uint8_t flags;
};

// "v1", "v22": few, and they tell APIs apart.
bool is_version(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  return text.size() >= 2 && text.size() <= 3 && text[0] == 'v' && digit(1) &&
         (text.size() == 2 || digit(2));
}

// A segment as a child of where the cursor is: the rule in the header.
std::uint16_t child_for_segment(HttpRoutes& routes, std::uint16_t node,
                                const Segment& segment) noexcept {
  const bool fits = segment.text.size() <= kSegmentBytes;
  const bool clean = fits && (segment.flags == 0 || is_version(segment.text));
  const std::uint16_t wildcard = routes.nodes[node].wildcard;
  if (fits) {
    const bool may_learn = clean && wildcard == 0;
    const std::uint16_t found = child_of(routes, node, segment.text, may_learn);
    if (found != kNoRoom || may_learn) return found;
  }
  if (wildcard != 0) return wildcard;
  return child_of(routes, node, "*", true);
}

// So that the cursor does not say how the bytes were cut.
void forget_part(RouteCursor& cursor) noexcept {
  if (cursor.length != 0) std::memset(cursor.segment, 0, kSegmentBytes);
  cursor.length = 0;
  cursor.flags = 0;
}

void end_segment(HttpRoutes& routes, RouteCursor& cursor, const Segment& segment) noexcept {
  if (!segment.text.empty() && cursor.node != kNoRoom) {
    if (cursor.depth == kRouteSegments) {
      cursor.node = child_of(routes, cursor.node, "**", true);
      cursor.form = kPastPath;
    } else {
      cursor.node = child_for_segment(routes, cursor.node, segment);
      ++cursor.depth;
    }
  }
  forget_part(cursor);
}

// Keeps the part of a segment that is cut off here.
void keep_part(RouteCursor& cursor, const Segment& part) noexcept {
  const std::size_t length = std::min(cursor.length + part.text.size(), kSegmentBytes + 1);
  const std::size_t kept = std::min(length, kSegmentBytes);
  if (kept > cursor.length) part.text.copy(cursor.segment + cursor.length, kept - cursor.length);
  cursor.length = static_cast<std::uint8_t>(length);
  cursor.flags |= part.flags;
}

Segment kept_segment(const RouteCursor& cursor) noexcept {
  return {{cursor.segment, cursor.length}, cursor.flags};
}

void begin_target(RouteCursor& cursor, unsigned char first) {
  cursor.form = first == '/' ? kPath : first == '*' ? kStar : kBeforePath;
}

// Bytes of segments; stops after whatever changes the form.
std::size_t read_path(HttpRoutes& routes, RouteCursor& cursor, const unsigned char* bytes,
                      std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; ++at) {
    const auto* const text = reinterpret_cast<const char*>(bytes + at);
    const std::size_t begin = at;
    std::uint8_t flags = 0;
    std::uint8_t kind = 0;
    while (at < size && (kind = kKinds.of[bytes[at]]) <= kUnclean) {
      flags |= kind;
      ++at;
    }
    const Segment part{{text, at - begin}, flags};
    const bool is_cut = cursor.length != 0 || at == size;
    if (is_cut) keep_part(cursor, part);
    if (at == size) return size;
    if (kind == kEnd && bytes[at] != ' ') {  // of a target that is none
      forget_part(cursor);
      return at;
    }
    // A segment that lies whole in these bytes is not copied: reading words right after their bytes were
    // written is slow.
    end_segment(routes, cursor, is_cut ? kept_segment(cursor) : part);
    if (kind == kEnd) return at;
    if (kind == kQuery) cursor.form = kPastPath;
    if (cursor.form != kPath) return at + 1;
  }
  return size;
}

// Bytes of a scheme and an authority: the path begins at the third slash.
std::size_t read_before_path(RouteCursor& cursor, const unsigned char* bytes,
                             std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; ++at) {
    const std::uint8_t kind = kKinds.of[bytes[at]];
    if (kind == kEnd) return at;
    if (kind == kSlash) ++cursor.depth;
    if (kind == kQuery) cursor.form = cursor.depth == 2 ? kPastPath : kPastNothing;
    if (cursor.depth == 3) cursor.form = kPath;
    if (cursor.form != kBeforePath) {
      cursor.depth = 0;
      return at + 1;
    }
  }
  return size;
}

std::size_t put(char* out, std::size_t at, std::string_view text) {
  std::memcpy(out + at, text.data(), text.size());
  return at + text.size();
}

// One segment of a pattern below `node`; kNoRoom if it cannot be there.
std::uint16_t add_pattern_segment(HttpRoutes& routes, std::uint16_t node, std::string_view text) {
  if (text.size() > kSegmentBytes) return kNoRoom;
  const bool named = text.size() > 2 && text.front() == '{' && text.back() == '}';
  // A brace that is not closed, or has more beside it, is a slip: no path would be this text.
  if (!named && text.find_first_of("{}") != std::string_view::npos) return kNoRoom;
  if (!named) return child_of(routes, node, text, true);
  std::uint16_t& wildcard = routes.nodes[node].wildcard;
  if (wildcard != 0) return wildcard;
  const std::uint16_t child = child_of(routes, node, text, true);
  if (child != kNoRoom) wildcard = child;
  return child;
}

}  // namespace

std::size_t skip_target(const unsigned char* bytes, std::size_t size) noexcept {
  std::size_t at = 0;
  while (at < size && kKinds.of[bytes[at]] != kEnd) ++at;
  return at;
}

std::size_t read_target(HttpRoutes& routes, RouteCursor& cursor, const unsigned char* bytes,
                        std::size_t size) noexcept {
  std::size_t at = 0;
  while (at < size) {
    if (cursor.form == kUnread) begin_target(cursor, bytes[at]);
    const TargetForm form = static_cast<TargetForm>(cursor.form);
    if (form == kPath) {
      at += read_path(routes, cursor, bytes + at, size - at);
    } else if (form == kBeforePath) {
      at += read_before_path(cursor, bytes + at, size - at);
    } else {
      at += skip_target(bytes + at, size - at);
    }
    if (cursor.form == form) break;
  }
  return at;
}

std::uint16_t end_target(HttpRoutes& routes, RouteCursor& cursor) noexcept {
  if (cursor.form == kPath) end_segment(routes, cursor, kept_segment(cursor));
  std::uint16_t node = cursor.node;
  if (cursor.form == kStar) node = kAsterisk;
  if (cursor.form == kUnread || cursor.form == kPastNothing) node = kNoPath;
  if (cursor.form == kBeforePath && cursor.depth != 2) node = kNoPath;
  cursor = {};
  return node;
}

HttpRouteId route_of(HttpRoutes& routes, std::uint16_t node) noexcept {
  if (node == kNoPath) return kRouteNone;
  if (node == kAsterisk) return kRouteAsterisk;
  if (node == kRootNode) return kRouteRoot;
  if (node >= kRouteNodes) return kRouteOverflow;
  std::uint8_t& route = routes.nodes[node].route;
  const HttpRouteId known = shm::observe(route);  // [tag: route-end]
  if (known != 0) return known;
  constexpr std::uint32_t kMost = kRouteLimit - kFirstLearned;
  if (shm::read_alone(routes.learned) >= kMost) return kRouteOverflow;
  const std::uint32_t order = shm::add_alone(routes.learned, 1U);
  if (order >= kMost) return kRouteOverflow;
  const auto id = static_cast<HttpRouteId>(kFirstLearned + order);
  routes.ends[id] = node;
  // [tag: route-end] Publishes where the route ends; else a thread that finds the id could name the
  // route by another node. Two threads at once: two ids of one text (RO2).
  shm::publish(route, id);
  return id;
}

bool add_pattern(HttpRoutes& routes, const char* pattern, std::size_t size) noexcept {
  std::string_view left(pattern, size);
  if (left.empty() || left.front() != '/') return false;
  std::uint16_t node = kRootNode;
  std::size_t depth = 0;
  while (!left.empty()) {
    left.remove_prefix(1);
    std::size_t length = 0;
    while (length < left.size() && left[length] != '/') ++length;
    if (length != 0) {
      if (++depth > kRouteSegments) return false;
      node = add_pattern_segment(routes, node, std::string_view(left.data(), length));
      if (node == kNoRoom) return false;
    }
    left.remove_prefix(length);
  }
  return true;
}

std::size_t route_text(const HttpRoutes& routes, HttpRouteId id, char* out) noexcept {
  if (id < kFirstLearned) return put(out, 0, kFixedTexts[id]);
  if (id >= kRouteLimit || routes.ends[id] == 0) return 0;
  std::uint16_t path[kRouteSegments + 1];
  std::size_t depth = 0;
  for (std::uint16_t node = routes.ends[id]; node != kRootNode && depth <= kRouteSegments;
       node = routes.nodes[node].parent) {
    path[depth++] = node;
  }
  std::size_t at = 0;
  while (depth > 0) {
    at = put(out, at, "/");
    at = put(out, at, text_of(routes.nodes[path[--depth]]));
  }
  return at;
}

}  // namespace notch::preload
