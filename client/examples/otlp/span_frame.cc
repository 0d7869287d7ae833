#include "client/examples/otlp/span_frame.h"

#include <algorithm>

namespace otlp_demo {
namespace {

constexpr std::size_t kRequestHeadBytes = 12;
constexpr std::size_t kReplyBytes = 9;

template <class T>
void put(Bytes& out, T number) {
  for (std::size_t i = sizeof number; i-- > 0;) {
    out.push_back(static_cast<std::uint8_t>(std::uint64_t{number} >> (8 * i)));
  }
}

// REQUIRES: `in` has sizeof(T) bytes left; they are taken off its front.
template <class T>
T get(std::span<const std::uint8_t>& in) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) number = number << 8 | in[i];
  in = in.subspan(sizeof(T));
  return static_cast<T>(number);
}

template <std::size_t N>
void get(std::span<const std::uint8_t>& in, std::array<std::uint8_t, N>& id) {
  std::copy_n(in.begin(), N, id.begin());
  in = in.subspan(N);
}

}  // namespace

Bytes request_frame(std::uint64_t batch_id, std::span<const Span> spans) {
  Bytes out;
  out.reserve(4 + kRequestHeadBytes + spans.size() * kSpanBytes);
  put(out, static_cast<std::uint32_t>(kRequestHeadBytes + spans.size() * kSpanBytes));
  put(out, batch_id);
  put(out, static_cast<std::uint32_t>(spans.size()));
  for (const Span& span : spans) {
    out.insert(out.end(), span.trace_id.begin(), span.trace_id.end());
    out.insert(out.end(), span.span_id.begin(), span.span_id.end());
    put(out, span.service);
    put(out, span.kind);
    put(out, span.start_unix_ns);
    put(out, span.duration_ns);
  }
  return out;
}

Bytes reply_frame(const Reply& reply) {
  Bytes out;
  put(out, static_cast<std::uint32_t>(kReplyBytes));
  put(out, reply.batch_id);
  put(out, static_cast<std::uint8_t>(reply.answer));
  return out;
}

std::optional<Request> parse_request(std::span<const std::uint8_t> payload) {
  if (payload.size() < kRequestHeadBytes) return std::nullopt;
  Request request;
  request.batch_id = get<std::uint64_t>(payload);
  const std::size_t count = get<std::uint32_t>(payload);
  if (count > kMaxBatch || payload.size() != count * kSpanBytes) return std::nullopt;
  request.spans.resize(count);
  for (Span& span : request.spans) {
    get(payload, span.trace_id);
    get(payload, span.span_id);
    span.service = get<std::uint8_t>(payload);
    span.kind = get<std::uint8_t>(payload);
    span.start_unix_ns = get<std::uint64_t>(payload);
    span.duration_ns = get<std::uint64_t>(payload);
    if (span.service >= kServices.size() || span.kind >= kKinds.size()) return std::nullopt;
  }
  return request;
}

std::optional<Reply> parse_reply(std::span<const std::uint8_t> payload) {
  if (payload.size() != kReplyBytes) return std::nullopt;
  Reply reply;
  reply.batch_id = get<std::uint64_t>(payload);
  const auto answer = get<std::uint8_t>(payload);
  if (answer > static_cast<std::uint8_t>(Answer::kRejected)) return std::nullopt;
  reply.answer = static_cast<Answer>(answer);
  return reply;
}

void FrameReader::take(std::span<const std::uint8_t> bytes) {
  if (!broken_) waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
}

std::optional<Bytes> FrameReader::next() {
  if (broken_ || waiting_.size() < 4) return std::nullopt;
  std::span<const std::uint8_t> front = waiting_;
  const std::size_t length = get<std::uint32_t>(front);
  if (length == 0 || length > kMaxFrameBytes) {
    broken_ = true;
    waiting_.clear();
    return std::nullopt;
  }
  if (front.size() < length) return std::nullopt;
  Bytes payload(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(length));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(4 + length));
  return payload;
}

}  // namespace otlp_demo
