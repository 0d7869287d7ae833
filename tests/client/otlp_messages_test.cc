// The demonstration's protobuf messages: what is written is read again, and hostile bytes are refused or
// skipped. That others read the same is tests/system/otlp_export_test.py's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "client/examples/otlp/trace_messages.h"

namespace otlp_demo {
namespace {

using namespace std::string_literals;

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

std::string field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}

std::string varint_field(int number, char value) {
  return {static_cast<char>(number << 3), value};
}

// A request with one span of these bytes, as another exporter may write it: the resource last.
std::string request_of(const std::string& span, const std::string& service = "payment") {
  const std::string attribute = field(1, "service.name") + field(2, field(1, service));
  return field(1, field(2, field(2, span)) + field(1, field(1, attribute)));
}

std::string valid_span() {
  return field(1, std::string(16, 'a')) + field(2, std::string(8, 'b')) + varint_field(6, 3);
}

TEST(ExportRequest, IsReadAsWritten) {
  std::vector<Span> spans{span_of(0, 4), span_of(2, 1), span_of(0, 0)};
  spans[1].failed = true;
  const auto received = parse_export_request(export_request(spans));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->refused, 0U);
  ASSERT_EQ(received->taken.size(), 3U);
  const Span& last = received->taken[2];  // by service
  EXPECT_EQ(last.trace_id, spans[1].trace_id);
  EXPECT_EQ(last.span_id, spans[1].span_id);
  EXPECT_EQ(last.service, 2);
  EXPECT_EQ(last.kind, 1);
  EXPECT_TRUE(last.failed);
  EXPECT_FALSE(received->taken[0].failed);
  EXPECT_EQ(last.start_unix_ns, 0x0102030405060708U);
  EXPECT_EQ(last.duration_ns, 42U);
}

TEST(ExportRequest, MayBeEmpty) {
  const auto received = parse_export_request(export_request({}));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->taken.size() + received->refused, 0U);
}

TEST(ExportRequest, FieldsMayComeInAnyOrderAndUnknownOnesAreSkipped) {
  const std::string unknown = field(12, "later") + varint_field(13, 1);
  const auto received = parse_export_request(unknown + request_of(unknown + valid_span()));
  ASSERT_TRUE(received);
  ASSERT_EQ(received->taken.size(), 1U);
  EXPECT_EQ(received->taken[0].service, 2);
  EXPECT_EQ(received->taken[0].kind, 2);
}

TEST(ExportRequest, ASpanThatIsNotValidIsRefusedByItself) {
  const std::string ids = field(1, std::string(16, 'a')) + field(2, std::string(8, 'b'));
  for (const std::string& span :
       {""s, ids, ids + varint_field(6, 0), ids + varint_field(6, 6),
        field(1, std::string(15, 'a')) + field(2, std::string(8, 'b')) + varint_field(6, 3),
        field(1, std::string(16, '\0')) + field(2, std::string(8, 'b')) + varint_field(6, 3),
        field(1, std::string(16, 'a')) + field(2, "") + varint_field(6, 3),
        valid_span() + "\x39" + std::string(8, '\1')}) {  // starts, and ends at 0
    const auto received = parse_export_request(request_of(span) + request_of(valid_span()));
    ASSERT_TRUE(received);
    EXPECT_EQ(received->taken.size(), 1U) << testing::PrintToString(span);
    EXPECT_EQ(received->refused, 1U);
  }
  EXPECT_EQ(parse_export_request(request_of(valid_span(), "another"))->refused, 1U);
}

TEST(ExportRequest, AFieldOfAWrongWireTypeIsNotTheField) {
  const std::string as_number = varint_field(1, 7) + varint_field(2, 7) + varint_field(6, 3);
  EXPECT_EQ(parse_export_request(request_of(as_number))->refused, 1U);
  EXPECT_EQ(parse_export_request(varint_field(1, 7))->taken.size(), 0U);
}

TEST(ExportRequest, IsRefusedWhereverItIsCutOff) {
  const std::string whole = export_request(std::vector<Span>{span_of(0, 0)});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_export_request(std::string_view(whole).substr(0, size))) << size;
  }
}

TEST(ExportRequest, RandomBytesAreNoMoreSpansThanThereIsRoomFor) {
  std::mt19937_64 random(1);
  const std::string whole = export_request(std::vector<Span>(5, span_of(1, 1)));
  std::size_t parsed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int changes = 0; changes < 3; ++changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto received = parse_export_request(bytes);
    if (!received) continue;
    ++parsed;
    EXPECT_LE(received->taken.size() + received->refused, bytes.size());
  }
  EXPECT_GT(parsed, 0U);
}

TEST(ExportResponse, AFullSuccessIsEmpty) {
  EXPECT_EQ(export_response({}), "");
  EXPECT_EQ(parse_export_response("")->rejected_spans, 0);
}

TEST(ExportResponse, APartialSuccessIsReadAsWritten) {
  const auto response = parse_export_response(export_response({300, "no room"}));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->rejected_spans, 300);
  EXPECT_EQ(response->error_message, "no room");
}

TEST(ExportResponse, IsNoneIfItIsNoMessage) {
  for (const std::string& bytes : {"<html>"s, "\x0a\x7f"s, "\x0a\x02\x08\xff"s, "\xff"s, "\0"s}) {
    EXPECT_FALSE(parse_export_response(bytes)) << testing::PrintToString(bytes);
  }
}

TEST(FailureStatus, HasTheMessageInFieldTwo) {
  EXPECT_EQ(failure_status("later"), field(2, "later"));
}

}  // namespace
}  // namespace otlp_demo
