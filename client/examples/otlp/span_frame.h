// The bytes between exporter and collector: frames of a length and a payload, all numbers
// big-endian. Values only; knows no sockets. Called by: exporter, collector, tests.
//
//   frame     length u32 (of what follows), payload
//   request   batch id u64, span count u32, then per span: trace id 16 bytes, span id 8,
//             service u8, kind u8, start u64, duration u64 (ns)
//   reply     batch id u64, answer u8
//
// Invariants
//   F1  No frame longer than kMaxFrameBytes is kept in memory; its length alone is an error.
//   F2  A count is believed only if the payload is exactly as long as it says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "client/examples/otlp/span.h"

namespace otlp_demo {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::size_t kSpanBytes = 42;
inline constexpr std::size_t kMaxFrameBytes = 1U << 18;
inline constexpr std::size_t kMaxBatch = 5000;
static_assert(12 + kMaxBatch * kSpanBytes <= kMaxFrameBytes);

enum class Answer : std::uint8_t { kTaken = 0, kRejected = 1 };

struct Request {
  std::uint64_t batch_id = 0;
  std::vector<Span> spans;
};

struct Reply {
  std::uint64_t batch_id = 0;
  Answer answer = Answer::kTaken;
};

// Whole frames, length included. REQUIRES: at most kMaxBatch spans.
Bytes request_frame(std::uint64_t batch_id, std::span<const Span> spans);
Bytes reply_frame(const Reply& reply);

// Nothing if the payload breaks a rule: wrong length, unknown service, kind or answer.
std::optional<Request> parse_request(std::span<const std::uint8_t> payload);
std::optional<Reply> parse_reply(std::span<const std::uint8_t> payload);

// Cuts a stream of bytes into payloads, however the network cut it.
class FrameReader {
 public:
  void take(std::span<const std::uint8_t> bytes);

  // The next whole payload, if it is there. Nothing more once broken().
  std::optional<Bytes> next();

  // A frame was announced that is empty or too long: the stream cannot be followed any more.
  bool broken() const noexcept { return broken_; }

 private:
  Bytes waiting_;
  bool broken_ = false;
};

}  // namespace otlp_demo
