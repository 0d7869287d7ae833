#include "client/preload/http_machine.h"

#include <algorithm>
#include <limits>

namespace notch::preload {
namespace {

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;

// One call's worth of arguments.
struct Feed {
  HttpConnection& connection;
  const HttpWatch& watch;
  std::uint64_t now;
};

HttpPending& oldest(HttpConnection& connection) {
  return connection.pending[connection.first];
}

HttpPending& newest(HttpConnection& connection) {
  return connection.pending[(connection.first + connection.count - 1U) % kPendingLimit];
}

bool in_head(const HttpStream& stream) {
  return stream.stage >= HttpStage::kMethod && stream.stage <= HttpStage::kSkipLine &&
         (stream.flags & kTrailers) == 0;
}

// The body of the request that `request` reads or read last.
std::uint64_t body_bytes_read(const HttpConnection& connection) {
  return in_head(connection.request) ? 0 : connection.request.number;
}

void set_start(HttpPending& pending, std::uint64_t now) {
  const std::uint64_t start = now == 0 ? 0 : std::max<std::uint64_t>(now & kTimeMask, 1);
  pending.start_low = static_cast<std::uint32_t>(start);
  pending.start_high = static_cast<std::uint16_t>(start >> 32);
}

// What passed from the start, modulo 48 bits; a clock that went back a little passed nothing.
std::uint64_t passed_since(const HttpPending& pending, std::uint64_t now) {
  const std::uint64_t start = std::uint64_t{pending.start_high} << 32 | pending.start_low;
  const std::uint64_t passed = (now - start) & kTimeMask;
  return passed > kTimeMask / 2 ? 0 : passed;
}

void announce(Feed& feed, HttpPending& pending) {
  feed.connection.verdict = HttpVerdict::kHttp;
  if (pending.announced != 0) return;
  pending.announced = 1;
  const HttpObserver& observer = *feed.watch.observer;
  observer.started(observer.context,
                   {feed.connection.role, pending.method, feed.connection.secure});
}

// Takes the oldest request away, and tells how it ended.
void pop(Feed& feed, HttpError error) {
  HttpConnection& connection = feed.connection;
  const HttpPending& pending = oldest(connection);
  const bool being_read = connection.count == 1 && connection.reading != 0;
  if (pending.announced != 0) {
    const std::uint64_t body = being_read ? body_bytes_read(connection) : pending.body_bytes;
    const bool timed = feed.now != 0 && (pending.start_low | pending.start_high) != 0;
    const bool answered = connection.status != 0 && !in_head(connection.response);
    const HttpObserver& observer = *feed.watch.observer;
    observer.finished(observer.context,
                      {.role = connection.role,
                       .method = pending.method,
                       .secure = connection.secure,
                       .version_1_0 = pending.version_1_0 != 0,
                       .timed = timed,
                       .error = error,
                       .route = pending.route,
                       .status = answered ? connection.status : std::uint16_t{0},
                       .request_body_bytes = body,
                       .response_body_bytes = answered ? connection.response.number : 0,
                       .duration = timed ? passed_since(pending, feed.now) : 0});
  }
  connection.first = static_cast<std::uint8_t>((connection.first + 1U) % kPendingLimit);
  --connection.count;
  if (being_read) connection.reading = 0;
  connection.status = 0;
}

// Nothing more is followed; every request that is still pending is over.
void stop(Feed& feed, HttpError error) {
  HttpConnection& connection = feed.connection;
  while (connection.count != 0) {
    // Only the oldest can have been answered in part.
    const bool cut_short =
        error == HttpError::kNoAnswer && connection.status != 0 && !in_head(connection.response);
    pop(feed, cut_short ? HttpError::kCutShort : error);
  }
  connection.verdict =
      connection.verdict == HttpVerdict::kUndecided ? HttpVerdict::kNotHttp : HttpVerdict::kStopped;
}

void begin_part(HttpStream& stream, HttpStage stage) {
  stream.stage = stage;
  stream.index = 0;
}

void begin_idle(HttpStream& stream) {
  begin_part(stream, HttpStage::kIdle);
  stream.head_bytes = 0;
}

void begin_message(HttpStream& stream, HttpStage stage) {
  stream.left = 0;
  stream.number = 0;
  stream.field = 0;
  stream.flags = 0;
  begin_part(stream, stage);
}

void begin_chunk(HttpStream& stream) {
  begin_part(stream, HttpStage::kChunkSize);
  stream.left = 0;
  stream.head_bytes = 0;
}

// The head is over. Returns whether a body follows.
bool begin_body(HttpStream& stream, HttpStage stage) {
  stream.number = 0;
  if (stage == HttpStage::kIdle) {
    begin_idle(stream);
    return false;
  }
  begin_part(stream, stage);
  if (stage == HttpStage::kChunkSize) begin_chunk(stream);
  return true;
}

// --- What both directions have: parts of a head, and bodies.

HeadStep read_target_part(Feed& feed, HttpBytes& bytes) {
  const auto size = static_cast<std::size_t>(bytes.end - bytes.at);
  bytes.at += feed.connection.role == HttpRole::kServer
                  ? read_target(*feed.watch.routes, feed.connection.cursor, bytes.at, size)
                  : skip_target(bytes.at, size);
  if (bytes.at == bytes.end) return HeadStep::kMore;
  return *bytes.at++ == ' ' ? HeadStep::kOver : HeadStep::kFault;
}

HeadStep read_stage(Feed& feed, HttpStream& stream, HttpBytes& bytes) {
  switch (stream.stage) {
    case HttpStage::kMethod:
      return read_method(stream, bytes);
    case HttpStage::kTarget:
      return read_target_part(feed, bytes);
    case HttpStage::kVersion:
      return read_version(stream, bytes);
    case HttpStage::kStatus:
      return read_status(stream, bytes);
    case HttpStage::kChunkSize:
      return read_chunk_size(stream, bytes);
    case HttpStage::kLineEnd:
    case HttpStage::kChunkEnd:
      return read_line_end(bytes);
    case HttpStage::kReason:
    case HttpStage::kChunkLine:
      return skip_line(bytes);
    default:
      return read_fields(stream, bytes);
  }
}

// A part of a head, no further than kHeadLimit allows.
HeadStep read_part(Feed& feed, HttpStream& stream, HttpBytes& bytes) {
  const auto size = static_cast<std::size_t>(bytes.end - bytes.at);
  HttpBytes part{bytes.at, bytes.at + std::min<std::size_t>(size, kHeadLimit - stream.head_bytes)};
  const HeadStep step = read_stage(feed, stream, part);
  stream.head_bytes += static_cast<std::uint32_t>(part.at - bytes.at);
  bytes.at = part.at;
  if (stream.head_bytes < kHeadLimit) return step;
  // The limit's last byte may end the head, and nothing less.
  const bool fields = stream.stage >= HttpStage::kLineStart && stream.stage <= HttpStage::kSkipLine;
  return step == HeadStep::kOver && fields ? step : HeadStep::kFault;
}

// Empty lines before a message. False if nothing but them is there.
HeadStep skip_empty_lines(HttpStream& stream, HttpBytes& bytes) {
  while (bytes.at != bytes.end) {
    if (*bytes.at != '\r' && *bytes.at != '\n') return HeadStep::kOver;
    ++bytes.at;
    if (++stream.head_bytes >= kHeadLimit) return HeadStep::kFault;
  }
  return HeadStep::kMore;
}

// Bytes of a body that need not be looked at. Returns whether they were the last.
bool take_body(HttpStream& stream, std::uint64_t count) {
  stream.number += count;
  if (stream.stage == HttpStage::kUntilClose) return false;
  stream.left -= count;
  if (stream.left != 0) return false;
  if (stream.stage == HttpStage::kBodyLength) return true;
  begin_part(stream, HttpStage::kChunkEnd);
  stream.head_bytes = 0;
  return false;
}

bool is_plain_body(HttpStage stage) {
  return stage == HttpStage::kBodyLength || stage == HttpStage::kChunkData ||
         stage == HttpStage::kUntilClose;
}

// The framing between chunks. kOver when the message is.
HeadStep read_chunk_framing(Feed& feed, HttpStream& stream, HttpBytes& bytes) {
  const HttpStage stage = stream.stage;
  const HeadStep step = read_part(feed, stream, bytes);
  if (step != HeadStep::kOver) return step;
  if (stage == HttpStage::kChunkSize) {
    begin_part(stream, HttpStage::kChunkLine);
  } else if (stage == HttpStage::kChunkEnd) {
    begin_chunk(stream);
  } else if (stage == HttpStage::kChunkLine) {
    begin_part(stream, stream.left == 0 ? HttpStage::kLineStart : HttpStage::kChunkData);
    if (stream.left == 0) stream.flags |= kTrailers;
  } else {
    return HeadStep::kOver;
  }
  return HeadStep::kMore;
}

HeadStep read_body(Feed& feed, HttpStream& stream, HttpBytes& bytes) {
  stream.flags &= static_cast<std::uint8_t>(~kExpects);
  if (!is_plain_body(stream.stage)) return read_chunk_framing(feed, stream, bytes);
  std::uint64_t count = static_cast<std::uint64_t>(bytes.end - bytes.at);
  if (stream.stage != HttpStage::kUntilClose) count = std::min(count, stream.left);
  bytes.at += count;
  return take_body(stream, count) ? HeadStep::kOver : HeadStep::kMore;
}

// --- Requests.

void lose_requests(Feed& feed) {
  HttpConnection& connection = feed.connection;
  if (connection.verdict == HttpVerdict::kUndecided) return stop(feed, HttpError::kGaveUp);
  if (in_head(connection.request)) connection.request.number = 0;
  connection.request.stage = HttpStage::kLost;
}

// The first byte of a request: it gets a place, or is dropped.
void begin_request(Feed& feed) {
  HttpConnection& connection = feed.connection;
  if (connection.reading != 0) {
    newest(connection).body_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        connection.request.number, std::numeric_limits<std::uint32_t>::max()));
  }
  begin_message(connection.request, HttpStage::kMethod);
  connection.cursor = {};
  connection.reading = 0;
  if (connection.count == kPendingLimit || connection.dropped != 0) {
    if (connection.dropped == std::numeric_limits<std::uint16_t>::max()) return lose_requests(feed);
    ++connection.dropped;
    const HttpObserver& observer = *feed.watch.observer;
    return observer.dropped(observer.context);
  }
  ++connection.count;
  connection.reading = 1;
  newest(connection) = {};
  set_start(newest(connection), feed.now);
}

void end_method(Feed& feed) {
  HttpConnection& connection = feed.connection;
  const HttpMethod method = method_of(connection.request.number);
  if (connection.reading != 0 && newest(connection).announced == 0) {
    newest(connection).method = method;
  }
  // Where the answer to it ends could not be known.
  const bool blind = method == HttpMethod::kHead || method == HttpMethod::kConnect;
  if (blind && connection.dropped != 0) return lose_requests(feed);
  begin_part(connection.request, HttpStage::kTarget);
}

void end_request_line(Feed& feed) {
  HttpConnection& connection = feed.connection;
  const std::uint16_t node = end_target(*feed.watch.routes, connection.cursor);
  connection.verdict = HttpVerdict::kHttp;
  connection.request.stage = HttpStage::kLineStart;
  if (connection.reading == 0) return;
  HttpPending& pending = newest(connection);
  pending.route = route_of(*feed.watch.routes, node);
  pending.version_1_0 = (connection.request.flags & kVersion10) != 0;
  announce(feed, pending);
}

void read_request_head(Feed& feed, HttpBytes& bytes) {
  HttpStream& request = feed.connection.request;
  const HttpStage stage = request.stage;
  const HeadStep step = read_part(feed, request, bytes);
  if (step == HeadStep::kFault) return lose_requests(feed);
  if (step == HeadStep::kMore) return;
  if (stage == HttpStage::kMethod) {
    end_method(feed);
  } else if (stage == HttpStage::kTarget) {
    begin_part(request, HttpStage::kVersion);
  } else if (stage == HttpStage::kVersion) {
    begin_part(request, HttpStage::kLineEnd);
  } else if (stage == HttpStage::kLineEnd) {
    end_request_line(feed);
  } else {
    begin_body(request, body_stage(request, HttpStage::kIdle));
  }
}

void read_idle_request(Feed& feed, HttpBytes& bytes) {
  HttpConnection& connection = feed.connection;
  const HeadStep step = skip_empty_lines(connection.request, bytes);
  if (step == HeadStep::kMore) return;
  if (step == HeadStep::kFault) return lose_requests(feed);
  // The first byte of all settles most of what is not HTTP. Later on even garbage is a request: the
  // server answers it.
  const unsigned letter = *bytes.at | 0x20U;
  const bool doubtful = letter < 'a' || letter > 'z';
  if (doubtful && connection.verdict == HttpVerdict::kUndecided) return lose_requests(feed);
  begin_request(feed);
}

void read_requests(Feed& feed, HttpBytes bytes) {
  HttpStream& request = feed.connection.request;
  while (bytes.at != bytes.end && is_followed(feed.connection)) {
    if (request.stage == HttpStage::kLost) return;
    if (request.stage == HttpStage::kIdle) {
      read_idle_request(feed, bytes);
    } else if (in_head(request)) {
      read_request_head(feed, bytes);
    } else {
      const HeadStep step = read_body(feed, request, bytes);
      if (step == HeadStep::kFault) return lose_requests(feed);
      if (step == HeadStep::kOver) begin_idle(request);
    }
  }
}

// --- Responses.

void finish_response(Feed& feed) {
  HttpConnection& connection = feed.connection;
  HttpStream& request = connection.request;
  const bool being_read = connection.count == 1 && connection.reading != 0;
  begin_idle(connection.response);
  if (connection.count != 0) {
    pop(feed, HttpError::kNone);
  } else {
    --connection.dropped;
    connection.status = 0;
  }
  const bool body_due =
      request.stage == HttpStage::kBodyLength || request.stage == HttpStage::kChunkSize;
  if (being_read && body_due && (request.flags & kExpects) != 0) begin_idle(request);
}

// The head of an answer is over: what is it, and what follows?
void end_response_head(Feed& feed) {
  HttpConnection& connection = feed.connection;
  HttpStream& response = connection.response;
  const std::uint16_t status = connection.status;
  if (status < 200 && status != 101) {
    connection.status = 0;
    connection.request.flags &= static_cast<std::uint8_t>(~kExpects);
    return begin_idle(response);
  }
  const HttpMethod method = connection.count != 0 ? oldest(connection).method : HttpMethod::kOther;
  const bool tunnel = method == HttpMethod::kConnect && status < 300;
  if (status == 101 || tunnel) {
    response.number = 0;
    finish_response(feed);
    return stop(feed, HttpError::kGaveUp);
  }
  const bool bodiless = method == HttpMethod::kHead || status == 204 || status == 304;
  const HttpStage stage =
      bodiless ? HttpStage::kIdle : body_stage(response, HttpStage::kUntilClose);
  if (!begin_body(response, stage)) finish_response(feed);
}

void read_response_head(Feed& feed, HttpBytes& bytes) {
  HttpConnection& connection = feed.connection;
  HttpStream& response = connection.response;
  const HttpStage stage = response.stage;
  const HeadStep step = read_part(feed, response, bytes);
  if (step == HeadStep::kFault) return stop(feed, HttpError::kGaveUp);
  if (step == HeadStep::kMore) return;
  if (stage == HttpStage::kVersion) {
    begin_part(response, HttpStage::kStatus);
  } else if (stage == HttpStage::kStatus) {
    connection.status = static_cast<std::uint16_t>(response.number);
    begin_part(response, HttpStage::kReason);
    if (connection.count != 0) announce(feed, oldest(connection));
  } else if (stage == HttpStage::kReason) {
    response.stage = HttpStage::kLineStart;
  } else {
    end_response_head(feed);
  }
}

void read_idle_response(Feed& feed, HttpBytes& bytes) {
  HttpConnection& connection = feed.connection;
  const HeadStep step = skip_empty_lines(connection.response, bytes);
  if (step == HeadStep::kMore) return;
  const bool unasked = connection.count == 0 && connection.dropped == 0;
  if (unasked || step == HeadStep::kFault) return stop(feed, HttpError::kGaveUp);
  begin_message(connection.response, HttpStage::kVersion);
}

void read_responses(Feed& feed, HttpBytes bytes) {
  HttpStream& response = feed.connection.response;
  while (bytes.at != bytes.end && is_followed(feed.connection)) {
    if (response.stage == HttpStage::kIdle) {
      read_idle_response(feed, bytes);
    } else if (in_head(response)) {
      read_response_head(feed, bytes);
    } else {
      const HeadStep step = read_body(feed, response, bytes);
      if (step == HeadStep::kFault) return stop(feed, HttpError::kGaveUp);
      if (step == HeadStep::kOver) finish_response(feed);
    }
  }
}

bool carries_requests(const HttpConnection& connection, bool in) {
  return in == (connection.role == HttpRole::kServer);
}

}  // namespace

namespace http_slow {

void pass_bytes(HttpConnection& connection, const HttpWatch& watch, const void* bytes,
                std::size_t size, bool in, std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kUnknown) return;
  Feed feed{connection, watch, now};
  const auto* at = static_cast<const unsigned char*>(bytes);
  const HttpBytes range{at, at + size};
  if (carries_requests(connection, in)) {
    read_requests(feed, range);
  } else {
    read_responses(feed, range);
  }
}

void pass_body(HttpConnection& connection, const HttpWatch& watch, std::uint64_t count, bool in,
               std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kUnknown || count == 0) return;
  Feed feed{connection, watch, now};
  const bool requests = carries_requests(connection, in);
  HttpStream& stream = requests ? connection.request : connection.response;
  if (stream.stage == HttpStage::kLost) return;
  const bool fits = is_plain_body(stream.stage) &&
                    (stream.stage == HttpStage::kUntilClose || count <= stream.left);
  if (!fits) return requests ? lose_requests(feed) : stop(feed, HttpError::kGaveUp);
  stream.flags &= static_cast<std::uint8_t>(~kExpects);
  if (!take_body(stream, count)) return;
  if (requests) {
    begin_idle(stream);
  } else {
    finish_response(feed);
  }
}

void end(HttpConnection& connection, const HttpWatch& watch, std::uint64_t now) noexcept {
  Feed feed{connection, watch, now};
  if (connection.response.stage == HttpStage::kUntilClose) finish_response(feed);
  stop(feed, HttpError::kNoAnswer);
}

void give_up(HttpConnection& connection, const HttpWatch& watch, std::uint64_t now) noexcept {
  Feed feed{connection, watch, now};
  stop(feed, HttpError::kGaveUp);
}

}  // namespace http_slow
}  // namespace notch::preload
