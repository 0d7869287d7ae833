// The demonstration's frames: what is written is read again, and what breaks a rule is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/examples/otlp/span_frame.h"

namespace otlp_demo {
namespace {

Span span_of(std::uint8_t service, std::uint8_t kind) {
  Span span;
  span.trace_id.fill(0xa1);
  span.span_id.fill(0xb2);
  span.service = service;
  span.kind = kind;
  span.start_unix_ns = 0x0102030405060708;
  span.duration_ns = 42;
  return span;
}

Bytes payload_of(Bytes frame) {
  frame.erase(frame.begin(), frame.begin() + 4);
  return frame;
}

TEST(RequestFrame, IsReadAsWritten) {
  const std::vector<Span> spans{span_of(0, 4), span_of(2, 1)};
  const auto request = parse_request(payload_of(request_frame(7, spans)));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->batch_id, 7U);
  ASSERT_EQ(request->spans.size(), 2U);
  EXPECT_EQ(request->spans[1].trace_id, spans[1].trace_id);
  EXPECT_EQ(request->spans[1].span_id, spans[1].span_id);
  EXPECT_EQ(request->spans[1].service, 2);
  EXPECT_EQ(request->spans[1].kind, 1);
  EXPECT_EQ(request->spans[1].start_unix_ns, 0x0102030405060708U);
  EXPECT_EQ(request->spans[1].duration_ns, 42U);
}

TEST(RequestFrame, IsRefusedAtEveryOtherLength) {
  const Bytes whole = payload_of(request_frame(7, std::vector<Span>{span_of(0, 0)}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_request(std::span(whole).first(size))) << size;
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(parse_request(longer));
}

TEST(RequestFrame, IsRefusedWithMoreSpansThanThereMayBe) {
  EXPECT_TRUE(parse_request(payload_of(request_frame(1, std::vector<Span>(kMaxBatch)))));
  EXPECT_FALSE(parse_request(payload_of(request_frame(1, std::vector<Span>(kMaxBatch + 1)))));
}

TEST(RequestFrame, IsRefusedWithACountThatWouldOverflow) {
  Bytes payload = payload_of(request_frame(1, {}));
  payload[8] = payload[9] = payload[10] = payload[11] = 0xff;
  EXPECT_FALSE(parse_request(payload));
}

TEST(RequestFrame, IsRefusedWithAnUnknownServiceOrKind) {
  const std::vector<Span> service{span_of(static_cast<std::uint8_t>(kServices.size()), 0)};
  const std::vector<Span> kind{span_of(0, static_cast<std::uint8_t>(kKinds.size()))};
  EXPECT_FALSE(parse_request(payload_of(request_frame(1, service))));
  EXPECT_FALSE(parse_request(payload_of(request_frame(1, kind))));
}

TEST(ReplyFrame, IsReadAsWritten) {
  const auto reply = parse_reply(payload_of(reply_frame({99, Answer::kRejected})));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->batch_id, 99U);
  EXPECT_EQ(reply->answer, Answer::kRejected);
}

TEST(ReplyFrame, IsRefusedWithAnUnknownAnswer) {
  Bytes payload = payload_of(reply_frame({99, Answer::kTaken}));
  payload.back() = 2;
  EXPECT_FALSE(parse_reply(payload));
}

TEST(FrameReader, CutsWhatComesByteByByte) {
  Bytes stream = reply_frame({1, Answer::kTaken});
  const Bytes second = reply_frame({2, Answer::kRejected});
  stream.insert(stream.end(), second.begin(), second.end());
  FrameReader reader;
  std::vector<std::uint64_t> ids;
  for (const std::uint8_t& byte : stream) {
    reader.take({&byte, 1});
    while (const auto payload = reader.next()) ids.push_back(parse_reply(*payload)->batch_id);
  }
  EXPECT_THAT(ids, testing::ElementsAre(1U, 2U));
}

TEST(FrameReader, CutsTwoFramesThatComeAtOnce) {
  Bytes stream = reply_frame({1, Answer::kTaken});
  const Bytes second = reply_frame({2, Answer::kTaken});
  stream.insert(stream.end(), second.begin(), second.end());
  FrameReader reader;
  reader.take(stream);
  EXPECT_TRUE(reader.next());
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.broken());
}

TEST(FrameReader, IsBrokenByALengthBeyondTheLimit) {
  FrameReader reader;
  reader.take(Bytes{0x00, 0x04, 0x00, 0x01});
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
}

TEST(FrameReader, IsBrokenByAnEmptyFrameAndStaysSo) {
  FrameReader reader;
  reader.take(Bytes{0, 0, 0, 0});
  EXPECT_FALSE(reader.next());
  reader.take(reply_frame({1, Answer::kTaken}));
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
}

}  // namespace
}  // namespace otlp_demo
