#include "client/preload/http/http_head.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <limits>
#include <string_view>

namespace notch::preload {
namespace {

enum HttpField : std::uint8_t { kNoField, kContentLength, kTransferEncoding, kExpect, kConnection };
constexpr std::string_view kNames[] = {"", "content-length", "transfer-encoding", "expect",
                                       "connection"};
// The two names that begin alike, up to here.
constexpr std::uint8_t kCommonBytes = 3;
constexpr std::string_view kClose = "close";
constexpr std::string_view kKeepAlive = "keep-alive";
constexpr std::string_view kChunked = "chunked";
constexpr std::string_view kIdentity = "identity";
constexpr std::string_view kProtocol = "HTTP/1.";

// Places in a name that is whole: its length, and then blanks.
constexpr std::uint8_t kAfterName = 32;
// Places in a Content-Length's value.
enum : std::uint8_t { kBeforeDigits, kAfterPlus, kInDigits, kAfterDigits };
// Places in a coding: how much of "chunked" matched, or this and how much of "identity"; then what
// may follow either, and any other.
enum : std::uint8_t { kInIdentity = 16, kAfterChunked = 32, kAfterIdentity, kOtherCoding };
// Places in a word of Connection's: how much of the one looked for matched; then what may follow it,
// and any other.
enum : std::uint8_t { kAfterWord = 32, kOtherWord };

bool is_blank(unsigned char byte) {
  return byte == ' ' || byte == '\t' || byte == '\r';
}
bool is_digit(unsigned char byte) {
  return byte >= '0' && byte <= '9';
}
unsigned char lower(unsigned char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<unsigned char>(byte + 32) : byte;
}

// In the order of HttpMethod.
constexpr const char* kMethodNames[] = {"_OTHER",  "GET",     "HEAD",  "POST",  "PUT",  "DELETE",
                                        "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"};
constexpr std::uint64_t word_of(std::string_view name) {
  std::uint64_t word = 0;
  for (const char byte : name) word = word << 8 | static_cast<unsigned char>(byte);
  return word;
}
constexpr auto kMethodWords = [] {
  std::array<std::uint64_t, std::size(kMethodNames)> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = word_of(kMethodNames[i]);
  return words;
}();

// RFC 9110 "tchar".
struct TokenBytes {
  bool of[256];
  constexpr TokenBytes() : of() {
    for (int i = '0'; i <= '9'; ++i) of[i] = true;
    for (int i = 'a'; i <= 'z'; ++i) of[i] = of[i - 32] = true;
    for (const char byte : std::string_view("!#$%&'*+-.^_`|~")) of[static_cast<int>(byte)] = true;
  }
};
constexpr TokenBytes kToken;

void begin_name(HttpStream& stream, unsigned char first) {
  const unsigned char letter = lower(first);
  std::uint8_t field = kNoField;
  if ((stream.flags & kTrailers) == 0) {
    if (letter == 'c') field = kContentLength;
    if (letter == 't') field = kTransferEncoding;
    if (letter == 'e') field = kExpect;
  }
  stream.field = field;
  stream.index = 1;
  stream.stage = field == kNoField ? HttpStage::kSkipLine : HttpStage::kName;
}

// The whole name is there, and the byte after it.
void end_name(HttpStream& stream, unsigned char byte) {
  if (byte == ' ' || byte == '\t') {
    stream.index = kAfterName;
    return;
  }
  const bool is_after = stream.index == kAfterName;
  stream.stage = HttpStage::kSkipLine;
  stream.index = 0;
  if (byte == ':') {
    if (stream.field == kExpect) stream.flags |= kExpects;
    if (stream.field == kContentLength) stream.stage = HttpStage::kLengthValue;
    if (stream.field == kTransferEncoding) stream.stage = HttpStage::kCodingValue;
    if (stream.field == kConnection) stream.stage = HttpStage::kConnectionValue;
    return;
  }
  const bool is_framing = stream.field == kContentLength || stream.field == kTransferEncoding;
  if ((is_after || !kToken.of[byte]) && is_framing) stream.flags |= kBadFraming;
  stream.field = kNoField;
}

// As many bytes of the name as are here, one behind the other.
void read_name(HttpStream& stream, HttpBytes& bytes) {
  const std::string_view name = kNames[stream.field];
  std::uint8_t index = stream.index;
  while (bytes.at != bytes.end && index < name.size() &&
         lower(*bytes.at) == static_cast<unsigned char>(name[index])) {
    ++bytes.at;
    ++index;
  }
  stream.index = index;
}

void read_name_byte(HttpStream& stream, unsigned char byte) {
  const std::string_view name = kNames[stream.field];
  if (stream.index >= name.size()) return end_name(stream, byte);
  const unsigned char letter = lower(byte);
  const bool is_other = stream.field == kContentLength && stream.index == kCommonBytes &&
                        letter == static_cast<unsigned char>(kNames[kConnection][kCommonBytes]);
  if (is_other) stream.field = kConnection;
  if (is_other || letter == static_cast<unsigned char>(name[stream.index])) {
    ++stream.index;
    return;
  }
  stream.field = kNoField;
  stream.stage = HttpStage::kSkipLine;
}

void spoil(HttpStream& stream) {
  stream.flags |= kBadFraming;
  stream.field = kNoField;
  stream.stage = HttpStage::kSkipLine;
}

// One element of the list is whole. False if it contradicts.
bool take_length(HttpStream& stream) {
  if (stream.index <= kAfterPlus) return false;
  if ((stream.flags & kHasLength) != 0 && stream.left != stream.number) return false;
  stream.left = stream.number;
  stream.flags |= kHasLength;
  return true;
}

void read_length_byte(HttpStream& stream, unsigned char byte) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (is_digit(byte)) {
    const std::uint64_t digit = static_cast<std::uint64_t>(byte - '0');
    if (stream.index <= kAfterPlus) {
      stream.number = 0;
      stream.index = kInDigits;
    }
    if (stream.index != kInDigits || stream.number > (kMost - digit) / 10) return spoil(stream);
    stream.number = stream.number * 10 + digit;
  } else if (is_blank(byte)) {
    if (stream.index == kAfterPlus) return spoil(stream);
    if (stream.index == kInDigits) stream.index = kAfterDigits;
  } else if (byte == '+' && stream.index == kBeforeDigits) {
    stream.index = kAfterPlus;
  } else if (byte == ',' && take_length(stream)) {
    stream.index = kBeforeDigits;
  } else {
    spoil(stream);
  }
}

// One element of the list is whole; an empty one says nothing.
void take_coding(HttpStream& stream) {
  const std::uint8_t index = stream.index;
  if (index == 0 || index == kInIdentity + kIdentity.size() || index == kAfterIdentity) return;
  stream.flags |= kHasCoding;
  if (index == kChunked.size() || index == kAfterChunked) {
    stream.flags |= kChunkedLast;
  } else {
    stream.flags &= static_cast<std::uint8_t>(~kChunkedLast);
  }
}

// The place behind `byte` in a coding's name.
std::uint8_t step_in_coding(std::uint8_t index, unsigned char byte) {
  if (index < kChunked.size() && byte == static_cast<unsigned char>(kChunked[index]))
    return static_cast<std::uint8_t>(index + 1);
  const std::size_t place = index == 0 ? 0 : index - std::size_t{kInIdentity};
  const bool may_be_identity = index == 0 || index >= kInIdentity;
  if (may_be_identity && place < kIdentity.size() &&
      byte == static_cast<unsigned char>(kIdentity[place]))
    return static_cast<std::uint8_t>(kInIdentity + place + 1);
  return kOtherCoding;
}

void read_coding_byte(HttpStream& stream, unsigned char byte) {
  std::uint8_t& index = stream.index;
  if (byte == ',') {
    take_coding(stream);
    index = 0;
  } else if (is_blank(byte)) {
    if (index == kChunked.size()) {
      index = kAfterChunked;
    } else if (index == kInIdentity + kIdentity.size()) {
      index = kAfterIdentity;
    } else if (index != 0 && index != kAfterChunked && index != kAfterIdentity) {
      index = kOtherCoding;
    }
  } else {
    index = step_in_coding(index, lower(byte));
  }
}

std::string_view word_looked_for(const HttpStream& stream) {
  return (stream.flags & kVersion10) != 0 ? kKeepAlive : kClose;
}

void take_word(HttpStream& stream) {
  const bool found = stream.index == word_looked_for(stream).size() || stream.index == kAfterWord;
  if (found) stream.flags |= kAgainstVersion;
}

void read_word_byte(HttpStream& stream, unsigned char byte) {
  const std::string_view word = word_looked_for(stream);
  std::uint8_t& index = stream.index;
  if (byte == ',') {
    take_word(stream);
    index = 0;
  } else if (is_blank(byte)) {
    if (index != 0) index = index == word.size() || index == kAfterWord ? kAfterWord : kOtherWord;
  } else {
    const bool matches =
        index < word.size() && lower(byte) == static_cast<unsigned char>(word[index]);
    index = matches ? static_cast<std::uint8_t>(index + 1) : std::uint8_t{kOtherWord};
  }
}

// The field before this line cannot continue any more.
void end_field(HttpStream& stream) {
  if (stream.field == kContentLength && !take_length(stream)) stream.flags |= kBadFraming;
  if (stream.field == kTransferEncoding) take_coding(stream);
  if (stream.field == kConnection) take_word(stream);
  stream.field = kNoField;
}

HeadStep read_line_start(HttpStream& stream, unsigned char byte) {
  if (byte == ' ' || byte == '\t') {
    stream.stage = stream.field == kContentLength      ? HttpStage::kLengthValue
                   : stream.field == kTransferEncoding ? HttpStage::kCodingValue
                   : stream.field == kConnection       ? HttpStage::kConnectionValue
                                                       : HttpStage::kSkipLine;
    // A fold is a blank in the value, as the LF before it was.
    return HeadStep::kMore;
  }
  end_field(stream);
  if (byte == '\n') return HeadStep::kOver;
  if (byte == '\r') {
    stream.stage = HttpStage::kLineStartCr;
  } else {
    begin_name(stream, byte);
  }
  return HeadStep::kMore;
}

HeadStep read_field_byte(HttpStream& stream, unsigned char byte) {
  if (stream.stage == HttpStage::kLineStart) return read_line_start(stream, byte);
  if (stream.stage == HttpStage::kLineStartCr) {
    if (byte == '\n') return HeadStep::kOver;
    stream.stage = HttpStage::kSkipLine;
    return HeadStep::kMore;
  }
  if (byte == '\n') {
    if (stream.stage == HttpStage::kName) read_name_byte(stream, byte);
    if (stream.stage == HttpStage::kLengthValue) read_length_byte(stream, ' ');
    if (stream.stage == HttpStage::kCodingValue) read_coding_byte(stream, ' ');
    if (stream.stage == HttpStage::kConnectionValue) read_word_byte(stream, ' ');
    stream.stage = HttpStage::kLineStart;
    return HeadStep::kMore;
  }
  if (stream.stage == HttpStage::kName)
    read_name_byte(stream, byte);
  else if (stream.stage == HttpStage::kLengthValue)
    read_length_byte(stream, byte);
  else if (stream.stage == HttpStage::kConnectionValue)
    read_word_byte(stream, byte);
  else
    read_coding_byte(stream, byte);
  return HeadStep::kMore;
}

int hex_digit(unsigned char byte) {
  if (is_digit(byte)) return byte - '0';
  const unsigned char letter = lower(byte);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

HeadStep read_method(HttpStream& stream, HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    const unsigned char byte = *bytes.at++;
    if (byte == ' ') return HeadStep::kOver;
    if (!kToken.of[byte] || ++stream.index > kMethodLimit) return HeadStep::kFault;
    // Nine bytes or more are no method that we know, and must not look like the end of one.
    stream.number = stream.index > 8 ? 0 : stream.number << 8 | byte;
  }
  return HeadStep::kMore;
}

HttpMethod method_of(std::uint64_t number) noexcept {
  for (std::uint8_t i = 1; i < std::size(kMethodWords); ++i) {
    if (number == kMethodWords[i]) return static_cast<HttpMethod>(i);
  }
  return HttpMethod::kOther;
}

const char* name_of(HttpMethod method) noexcept {
  return kMethodNames[static_cast<std::uint8_t>(method)];
}

HeadStep read_version(HttpStream& stream, HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    const unsigned char byte = *bytes.at++;
    if (stream.index == kProtocol.size()) {
      if (!is_digit(byte)) return HeadStep::kFault;
      if (byte == '0') stream.flags |= kVersion10;
      return HeadStep::kOver;
    }
    if (byte != static_cast<unsigned char>(kProtocol[stream.index])) return HeadStep::kFault;
    ++stream.index;
  }
  return HeadStep::kMore;
}

HeadStep read_line_end(HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    const unsigned char byte = *bytes.at++;
    if (byte == '\n') return HeadStep::kOver;
    if (!is_blank(byte)) return HeadStep::kFault;
  }
  return HeadStep::kMore;
}

HeadStep read_status(HttpStream& stream, HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    const unsigned char byte = *bytes.at;
    if (stream.index == 4) {
      const bool ends = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
      return ends && stream.number >= 100 ? HeadStep::kOver : HeadStep::kFault;
    }
    ++bytes.at;
    if (byte == ' ' && stream.index <= 1) {
      stream.index = 1;
    } else if (is_digit(byte) && stream.index >= 1) {
      stream.number = stream.number * 10 + static_cast<std::uint64_t>(byte - '0');
      ++stream.index;
    } else {
      return HeadStep::kFault;
    }
  }
  return HeadStep::kMore;
}

HeadStep skip_line(HttpBytes& bytes) noexcept {
  const auto size = static_cast<std::size_t>(bytes.end - bytes.at);
  const void* end = size == 0 ? nullptr : std::memchr(bytes.at, '\n', size);
  if (end == nullptr) {
    bytes.at = bytes.end;
    return HeadStep::kMore;
  }
  bytes.at = static_cast<const unsigned char*>(end) + 1;
  return HeadStep::kOver;
}

HeadStep read_fields(HttpStream& stream, HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    if (stream.stage == HttpStage::kName) read_name(stream, bytes);
    if (bytes.at == bytes.end) break;
    if (stream.stage == HttpStage::kSkipLine) {
      if (skip_line(bytes) == HeadStep::kOver) stream.stage = HttpStage::kLineStart;
    } else if (read_field_byte(stream, *bytes.at++) == HeadStep::kOver) {
      return HeadStep::kOver;
    }
  }
  return HeadStep::kMore;
}

HeadStep read_chunk_size(HttpStream& stream, HttpBytes& bytes) noexcept {
  while (bytes.at != bytes.end) {
    const unsigned char byte = *bytes.at;
    const int digit = hex_digit(byte);
    if (digit < 0) {
      const bool ends = byte == ';' || byte == '\n' || is_blank(byte);
      return ends && stream.index != 0 ? HeadStep::kOver : HeadStep::kFault;
    }
    if (stream.left >> 60 != 0) return HeadStep::kFault;
    stream.left = stream.left << 4 | static_cast<std::uint64_t>(digit);
    stream.index = 1;
    ++bytes.at;
  }
  return HeadStep::kMore;
}

bool begins_request(HttpBytes bytes) noexcept {
  HttpStream stream{};
  if (read_method(stream, bytes) != HeadStep::kOver) return false;
  if (method_of(stream.number) == HttpMethod::kOther) return false;
  const auto size =
      std::min<std::size_t>(static_cast<std::size_t>(bytes.end - bytes.at), kLineLimit);
  const void* const space = size == 0 ? nullptr : std::memchr(bytes.at, ' ', size);
  if (space == nullptr || space == bytes.at) return false;
  for (const auto* at = bytes.at; at != space; ++at) {
    if (*at < ' ') return false;
  }
  bytes.at = static_cast<const unsigned char*>(space) + 1;
  stream.index = 0;
  return read_version(stream, bytes) == HeadStep::kOver && read_line_end(bytes) == HeadStep::kOver;
}

bool begins_answer(HttpBytes bytes) noexcept {
  HttpStream stream{};
  if (read_version(stream, bytes) != HeadStep::kOver) return false;
  stream.index = 0;
  return read_status(stream, bytes) == HeadStep::kOver;
}

HttpStage body_stage(const HttpStream& stream, HttpStage without_length) noexcept {
  const std::uint8_t flags = stream.flags;
  if ((flags & kBadFraming) != 0) return HttpStage::kUntilClose;
  if ((flags & kHasCoding) != 0) {
    const bool chunks = (flags & kChunkedLast) != 0 && (flags & kVersion10) == 0;
    return chunks ? HttpStage::kChunkSize : HttpStage::kUntilClose;
  }
  if ((flags & kHasLength) == 0) return without_length;
  return stream.left == 0 ? HttpStage::kIdle : HttpStage::kBodyLength;
}

}  // namespace notch::preload
