// What the demonstration's collector answers, and how both ends read a message off a connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/examples/otlp/collector_reply.h"
#include "client/examples/otlp/http_message.h"
#include "client/examples/otlp/trace_messages.h"

namespace otlp_demo {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

CollectorRequest request_of(std::size_t spans) {
  Span span;
  span.trace_id.fill(1);
  span.span_id.fill(2);
  return {"POST", "/v1/traces", std::string(kProtobufType), "",
          export_request(std::vector<Span>(spans, span))};
}

TEST(CollectorReply, TakesAllAndSaysNothing) {
  const CollectorReply reply = reply_to(request_of(10), {});
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.taken, 10U);
  EXPECT_EQ(reply.refused, 0U);
  EXPECT_EQ(reply.body, "");
}

TEST(CollectorReply, SaysHowManyItDidNotTake) {
  CollectorMood mood;
  mood.takes_all = false;
  const CollectorReply reply = reply_to(request_of(11), mood);
  EXPECT_EQ(reply.taken, 5U);
  EXPECT_EQ(reply.refused, 6U);
  EXPECT_EQ(parse_export_response(reply.body)->rejected_spans, 6);
  EXPECT_FALSE(parse_export_response(reply.body)->error_message.empty());
}

TEST(CollectorReply, AFailureTakesNothingAndSaysWhy) {
  CollectorMood mood;
  mood.status = 503;
  mood.retry_after = std::chrono::seconds(1);
  const CollectorReply reply = reply_to(request_of(10), mood);
  EXPECT_EQ(reply.status, 503U);
  EXPECT_EQ(reply.taken, 0U);
  EXPECT_EQ(reply.body, failure_status("not now"));
  EXPECT_THAT(to_http(reply, true), HasSubstr("\r\nRetry-After: 1\r\n"));
}

TEST(CollectorReply, WhatBreaksTheProtocolIsNamed) {
  const auto status = [](auto change) {
    CollectorRequest request = request_of(1);
    change(request);
    return reply_to(request, {}).status;
  };
  EXPECT_EQ(status([](CollectorRequest& request) { request.target = "/v1/logs"; }), 404U);
  EXPECT_EQ(status([](CollectorRequest& request) { request.method = "GET"; }), 405U);
  EXPECT_EQ(status([](CollectorRequest& request) { request.content_type = "application/json"; }),
            415U);
  EXPECT_EQ(status([](CollectorRequest& request) { request.content_encoding = "gzip"; }), 415U);
  EXPECT_EQ(status([](CollectorRequest& request) { request.body.pop_back(); }), 400U);
}

TEST(CollectorReply, IsReadOffAConnectionAsItWasWritten) {
  CollectorMood mood;
  mood.takes_all = false;
  const CollectorReply reply = reply_to(request_of(4), mood);
  std::string bytes = to_http(reply, false) + "more";
  HttpMessage<false> message;
  ASSERT_EQ(message.take(bytes), Reading::kWhole);
  EXPECT_EQ(message.message().body(), reply.body);
  EXPECT_FALSE(message.keeps_alive());
  EXPECT_EQ(bytes, "more");
}

// Feeds a message in pieces of `size` until it is judged, then the end.
template <bool kIsRequest>
Reading read(const std::string& text, std::size_t size, std::string* body = nullptr) {
  HttpMessage<kIsRequest> message;
  std::string bytes;
  Reading reading = Reading::kMore;
  for (std::size_t at = 0; at < text.size() && reading == Reading::kMore; at += size) {
    bytes += text.substr(at, size);
    reading = message.take(bytes);
    EXPECT_LE(bytes.size(), kMaxHeadBytes + size);
  }
  if (reading == Reading::kMore) reading = message.take_end();
  if (body != nullptr && reading == Reading::kWhole) *body = message.message().body();
  return reading;
}

TEST(HttpMessage, IsReadHoweverTheNetworkCutIt) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nT: "
      "x\r\n\r\n";
  const std::string until_end = "HTTP/1.0 200 OK\r\n\r\nabcde";
  const std::string with_length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
  for (const std::string& text : {chunked, until_end, with_length}) {
    for (std::size_t size = 1; size <= text.size(); ++size) {
      std::string body;
      ASSERT_EQ(read<false>(text, size, &body), Reading::kWhole) << text << size;
      EXPECT_EQ(body, "abcde");
    }
  }
}

TEST(HttpMessage, IsBrokenWhereverItEndsTooSoon) {
  const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(read<false>(whole.substr(0, size), 7), Reading::kBroken) << size;
  }
}

TEST(HttpMessage, WhatIsNotHttpIsBroken) {
  for (const char* const text : {"SSH-2.0-x\r\n", "HTTP/3 200 OK\r\n\r\n",
                                 "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\n",
                                 "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                                 "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"}) {
    EXPECT_EQ(read<false>(text, 1000), Reading::kBroken) << text;
  }
}

TEST(HttpMessage, NothingGrowsBeyondItsLimit) {
  const std::string long_text(2 * kMaxHeadBytes, 'x');
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(read<false>("HTTP/1.1 200 OK\r\nX: " + long_text, 1000), Reading::kTooLarge);
  EXPECT_EQ(read<false>(chunked + "1;" + long_text, 1000), Reading::kTooLarge);
  EXPECT_EQ(read<false>(chunked + "0\r\nX: " + long_text, 1000), Reading::kTooLarge);
  EXPECT_EQ(read<false>("HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n", 1000),
            Reading::kTooLarge);
  EXPECT_EQ(read<false>("HTTP/1.1 200 OK\r\n\r\n" + std::string(kMaxBodyBytes + 1, 'x'), 1 << 16),
            Reading::kTooLarge);
  EXPECT_EQ(read<true>("POST / HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n", 1000),
            Reading::kTooLarge);
  EXPECT_EQ(read<false>("HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" +
                            std::string(kMaxBodyBytes, 'x'),
                        1 << 16),
            Reading::kWhole);
}

}  // namespace
}  // namespace otlp_demo
