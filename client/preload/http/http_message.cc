#include "client/preload/http/http_message.h"

#include <algorithm>

namespace notch::preload::http_parts {
namespace {

void begin_chunk(HttpStream& stream) noexcept {
  begin_part(stream, HttpStage::kChunkSize);
  stream.left = 0;
  stream.head_bytes = 0;
}

HeadStep read_target_part(Feed& feed, HttpBytes& bytes) noexcept {
  const auto size = static_cast<std::size_t>(bytes.end - bytes.at);
  bytes.at += feed.connection.role == HttpRole::kServer
                  ? read_target(*feed.watch.routes, feed.connection.cursor, bytes.at, size)
                  : skip_target(bytes.at, size);
  if (bytes.at == bytes.end) return HeadStep::kMore;
  return *bytes.at++ == ' ' ? HeadStep::kOver : HeadStep::kFault;
}

HeadStep read_stage(Feed& feed, HttpStream& stream, HttpBytes& bytes) noexcept {
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

// The framing between chunks. kOver when the message is.
HeadStep read_chunk_framing(Feed& feed, HttpStream& stream, HttpBytes& bytes) noexcept {
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

}  // namespace

void begin_part(HttpStream& stream, HttpStage stage) noexcept {
  stream.stage = stage;
  stream.index = 0;
}

void begin_idle(HttpStream& stream) noexcept {
  begin_part(stream, HttpStage::kIdle);
  stream.head_bytes = 0;
}

void begin_message(HttpStream& stream, HttpStage stage) noexcept {
  stream.left = 0;
  stream.number = 0;
  stream.field = 0;
  stream.flags = 0;
  begin_part(stream, stage);
}

bool begin_body(HttpStream& stream, HttpStage stage) noexcept {
  stream.number = 0;
  if (stage == HttpStage::kIdle) {
    begin_idle(stream);
    return false;
  }
  begin_part(stream, stage);
  if (stage == HttpStage::kChunkSize) begin_chunk(stream);
  return true;
}

HeadStep read_part(Feed& feed, HttpStream& stream, HttpBytes& bytes) noexcept {
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

HeadStep skip_empty_lines(HttpStream& stream, HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    if (*bytes.at != '\r' && *bytes.at != '\n') return HeadStep::kOver;
    ++bytes.at;
    if (++stream.head_bytes >= kHeadLimit) return HeadStep::kFault;
  }
  return HeadStep::kMore;
}

bool take_body(HttpStream& stream, std::uint64_t count) noexcept {
  stream.number += count;
  if (stream.stage == HttpStage::kUntilClose) return false;
  stream.left -= count;
  if (stream.left != 0) return false;
  if (stream.stage == HttpStage::kBodyLength) return true;
  begin_part(stream, HttpStage::kChunkEnd);
  stream.head_bytes = 0;
  return false;
}

bool is_plain_body(HttpStage stage) noexcept {
  return stage == HttpStage::kBodyLength || stage == HttpStage::kChunkData ||
         stage == HttpStage::kUntilClose;
}

HeadStep read_body(Feed& feed, HttpStream& stream, HttpBytes& bytes) noexcept {
  stream.flags &= static_cast<std::uint8_t>(~kExpects);
  if (!is_plain_body(stream.stage)) return read_chunk_framing(feed, stream, bytes);
  std::uint64_t count = static_cast<std::uint64_t>(bytes.end - bytes.at);
  if (stream.stage != HttpStage::kUntilClose) count = std::min(count, stream.left);
  bytes.at += count;
  return take_body(stream, count) ? HeadStep::kOver : HeadStep::kMore;
}

}  // namespace notch::preload::http_parts
