// What an answer means for a batch of the demonstration: OTLP/HTTP's rules, by values alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "client/examples/otlp/export_outcome.h"
#include "client/examples/otlp/trace_messages.h"

namespace otlp_demo {
namespace {

using std::chrono::seconds;

constexpr std::time_t kNow = 784111770;  // seven seconds before RFC 9110's example of a date

HttpAnswer answer(unsigned status, std::string body = {},
                  std::string type = "application/x-protobuf") {
  return {status, std::move(type), "5", std::move(body)};
}

TEST(Outcome, ASuccessTakesAll) {
  const Outcome outcome = outcome_of(answer(200), 10, kNow);
  EXPECT_EQ(outcome.taken, 10U);
  EXPECT_FALSE(outcome.error);
  EXPECT_FALSE(outcome.again);
  EXPECT_FALSE(outcome.retry_after);
}

TEST(Outcome, APartialSuccessTakesTheRestAndIsFinal) {
  const Outcome outcome = outcome_of(answer(200, export_response({3, "full"})), 10, kNow);
  EXPECT_EQ(outcome.taken, 7U);
  EXPECT_EQ(outcome.error, ExportError::kRejected);
  EXPECT_FALSE(outcome.again);
}

TEST(Outcome, AClaimBeyondTheBatchIsHeldToIt) {
  EXPECT_EQ(outcome_of(answer(200, export_response({INT64_MAX, ""})), 10, kNow).taken, 0U);
  EXPECT_EQ(outcome_of(answer(200, export_response({-1, ""})), 10, kNow).taken, 10U);
}

TEST(Outcome, ASuccessThatCannotBeReadIsFinal) {
  for (const HttpAnswer& said :
       {answer(200, "<html>"), answer(200, "\n", "text/html"), answer(200, "x", "")}) {
    const Outcome outcome = outcome_of(said, 10, kNow);
    EXPECT_EQ(outcome.taken, 0U);
    EXPECT_EQ(outcome.error, ExportError::kBadReply);
    EXPECT_FALSE(outcome.again);
  }
}

TEST(Outcome, TheContentTypeMayHaveAnyCaseAndParameters) {
  const std::string body = export_response({1, "full"});
  EXPECT_EQ(outcome_of(answer(200, body, "Application/X-Protobuf ; a=b"), 10, kNow).taken, 9U);
  EXPECT_EQ(outcome_of(answer(200, body, "application/x-protobuf2"), 10, kNow).taken, 0U);
}

TEST(Outcome, OnlyFourStatusesAreSentAgain) {
  std::vector<unsigned> again;
  for (unsigned status = 300; status < 600; ++status) {
    const Outcome outcome = outcome_of(answer(status), 10, kNow);
    EXPECT_EQ(outcome.taken, 0U);
    EXPECT_TRUE(outcome.error);
    EXPECT_EQ(outcome.retry_after.has_value(), outcome.again);
    if (outcome.again) again.push_back(status);
  }
  EXPECT_THAT(again, testing::ElementsAre(429U, 502U, 503U, 504U));
}

TEST(Outcome, AStatusIsCountedUnderItsOwnNameIfItHasOne) {
  const auto name = [](unsigned status) {
    return kErrorNames[static_cast<std::size_t>(*outcome_of(answer(status), 1, kNow).error)];
  };
  for (const unsigned status : {400U, 401U, 403U, 404U, 413U, 429U, 500U, 502U, 503U, 504U}) {
    EXPECT_EQ(name(status), std::to_string(status));
  }
  for (const unsigned status : {0U, 101U, 302U, 418U, 501U, 999U})
    EXPECT_EQ(name(status), "_OTHER");
}

TEST(RetryAfter, SecondsAreSeconds) {
  EXPECT_EQ(parse_retry_after("0", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("120", kNow), seconds(120));
}

TEST(RetryAfter, ADateIsReadInAllThreeForms) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow), seconds(7));
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", kNow), seconds(7));
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:49:37 1994", kNow), seconds(7));
}

TEST(RetryAfter, ADateThatIsOverIsNow) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow + 60), seconds(0));
}

TEST(RetryAfter, IsNoLongerThanTheLongest) {
  EXPECT_EQ(parse_retry_after("301", kNow), kLongestRetryAfter);
  EXPECT_EQ(parse_retry_after(std::string(1000, '9'), kNow), kLongestRetryAfter);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 2094 08:49:37 GMT", kNow), kLongestRetryAfter);
}

TEST(RetryAfter, WhatIsNeitherIsNothing) {
  for (const char* const text :
       {"", " ", "-1", "+1", "1.5", "1s", "soon", "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT and more", "Sun, 66 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_retry_after(text, kNow)) << text;
  }
}

}  // namespace
}  // namespace otlp_demo
