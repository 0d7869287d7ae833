// The head of an HTTP/1.x message byte by byte: start lines, and the four header fields that say
// where the message and the connection end. Keeps numbers and places in words, never bytes.
// Called by: http_connection, http_message, http_role.
//
// The rules, where RFC 9112 leaves a choice or software differs
//   A line ends with LF; a CR before it is optional. Empty lines before a start line are skipped.
//   A line that begins with a blank continues the field before it (obs-fold).
//   Content-Length: digits, a plus before them as strtol() has it. Several that are the same count
//   as one; several that differ, one with a minus, a blank within, an empty element or more than 64
//   bits: the framing is bad.
//   Transfer-Encoding: chunked last means chunks, and beats Content-Length; said twice it is said
//   once, since nobody sends chunks of chunks. "identity" says nothing. Any other coding last:
//   until the connection closes. With HTTP/1.0: likewise.
//   Blanks before a colon are passed over, as by servers that do not refuse them. One of the two
//   names, and then a byte that is neither its colon nor part of a longer name: the framing is bad.
//   Bad framing: until the connection closes, whatever else the head says.
//   Connection: "close" among its words with HTTP/1.1, "keep-alive" with HTTP/1.0, is what the
//   version alone does not say.
//   Any other line without a colon is passed over. A status is three digits, and 100 or more.
//
// Invariants
//   HH1  The work is linear in the bytes given, and a head of more than kHeadLimit bytes (eight
//        times what servers accept) is an error: no stream is followed for ever.
//   HH2  What is read does not depend on how the bytes were cut: every place in a word is in
//        HttpStream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/preload/http/http_exchange.h"

namespace notch::preload {

inline constexpr std::uint32_t kHeadLimit = 64U << 10;
inline constexpr std::size_t kMethodLimit = 24;
inline constexpr std::size_t kLineLimit = 8U << 10;  // of a request line that is looked for

// The bytes that the application wrote or read, and how far they are parsed.
struct HttpBytes {
  const unsigned char* at;
  const unsigned char* end;
};

enum class HttpStage : std::uint8_t {
  kIdle,  // before a message
  // request line
  kMethod,
  kTarget,
  // either start line
  kVersion,
  // request line
  kLineEnd,
  // status line
  kStatus,
  kReason,
  // header fields, and trailers
  kLineStart,
  kLineStartCr,
  kName,
  kLengthValue,
  kCodingValue,
  kConnectionValue,
  kSkipLine,
  // body
  kBodyLength,
  kChunkSize,
  kChunkLine,
  kChunkData,
  kChunkEnd,
  kUntilClose,
  kLost,  // bytes of this direction can no longer be told apart
};

enum HttpStreamFlag : std::uint8_t {
  kHasLength = 1,
  kBadFraming = 2,
  kHasCoding = 4,
  kAgainstVersion = 8,  // Connection says other than the version does
  kChunkedLast = 16,
  kExpects = 32,  // Expect: 100-continue, and nothing of the body came yet
  kTrailers = 64,
  kVersion10 = 128,
};

// One direction of a connection.
struct HttpStream {
  std::uint64_t left;    // bytes to come: of the body, or of the chunk
  std::uint64_t number;  // in a start line the method's bytes or the status; in a field the number
                         // so far; then the bytes of the body so far
  std::uint32_t head_bytes;  // of this head, chunk line or trailers
  HttpStage stage;
  std::uint8_t field;  // HttpField of the line, or of the line it continues
  std::uint8_t index;  // the place in a word or a value
  std::uint8_t flags;  // HttpStreamFlag
};
static_assert(sizeof(HttpStream) == 24);

enum class HeadStep : std::uint8_t {
  kMore,   // all bytes are read, and the part is not over
  kOver,   // it is over, after `at`
  kFault,  // this is not HTTP/1.x
};

// The method's token and the space after it; its bytes are then in `number`.
HeadStep read_method(HttpStream&, HttpBytes&) noexcept;
HttpMethod method_of(std::uint64_t number) noexcept;

// "HTTP/1.x"; sets kVersion10.
HeadStep read_version(HttpStream&, HttpBytes&) noexcept;

// Nothing but blanks up to the LF.
HeadStep read_line_end(HttpBytes&) noexcept;

// Blanks, three digits and what separates them from the reason; the status is then in `number`.
HeadStep read_status(HttpStream&, HttpBytes&) noexcept;

// Up to the LF and with it.
HeadStep skip_line(HttpBytes&) noexcept;

// Header fields or trailers, with the empty line that ends them. Stages kLineStart to kSkipLine.
HeadStep read_fields(HttpStream&, HttpBytes&) noexcept;

// Hexadecimal digits; the chunk's size is then in `left`. The byte after them is not taken; it must
// be one that can follow.
HeadStep read_chunk_size(HttpStream&, HttpBytes&) noexcept;

// Whether a request line of a known method, whole, is at the start; or an answer's version and
// status. For finding step again.
bool begins_request(HttpBytes) noexcept;
bool begins_answer(HttpBytes) noexcept;

// Whether the message says that no other follows it on the connection, as far as it is read.
inline bool is_last_message(const HttpStream& stream) noexcept {
  return ((stream.flags & kVersion10) != 0) != ((stream.flags & kAgainstVersion) != 0);
}

// The state after the head, if the head alone decides it: kBodyLength, kChunkSize, kUntilClose, or
// kIdle for no body. `without_length` is the answer for a head that says nothing.
HttpStage body_stage(const HttpStream&, HttpStage without_length) noexcept;

}  // namespace notch::preload
