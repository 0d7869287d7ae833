// The demonstration's batches: when one is due, how long to wait for the next attempt, and what the
// queue takes in and hands out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/examples/otlp/span_queue.h"

namespace otlp_demo {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr BatchRules kRules{.size = 10,
                            .patience = milliseconds(200),
                            .attempts = 6,
                            .first_backoff = milliseconds(50),
                            .longest_backoff = milliseconds(300)};
constexpr Clock::time_point kOldest{};

TEST(BatchDue, NothingIsNeverDue) {
  EXPECT_EQ(batch_due(kRules, 0, kOldest, kOldest + hours(1)), 0U);
}

TEST(BatchDue, AFullBatchIsDueAtOnce) {
  EXPECT_EQ(batch_due(kRules, 9, kOldest, kOldest), 0U);
  EXPECT_EQ(batch_due(kRules, 10, kOldest, kOldest), 10U);
}

TEST(BatchDue, NoMoreThanABatchIsDue) {
  EXPECT_EQ(batch_due(kRules, 25, kOldest, kOldest + hours(1)), 10U);
}

TEST(BatchDue, FewerAreDueOnceTheOldestHasWaited) {
  EXPECT_EQ(batch_due(kRules, 3, kOldest, kOldest + milliseconds(199)), 0U);
  EXPECT_EQ(batch_due(kRules, 3, kOldest, kOldest + milliseconds(200)), 3U);
}

TEST(Backoff, TheFirstAttemptDoesNotWait) {
  EXPECT_EQ(backoff(kRules, 0, 0.9), milliseconds(0));
}

TEST(Backoff, DoublesUpToTheLongest) {
  std::vector<Clock::duration> waits;
  for (std::size_t attempt = 1; attempt < 6; ++attempt)
    waits.push_back(backoff(kRules, attempt, 1));
  EXPECT_THAT(waits, testing::ElementsAre(milliseconds(50), milliseconds(100), milliseconds(200),
                                          milliseconds(300), milliseconds(300)));
}

TEST(Backoff, DoesNotOverflow) {
  EXPECT_EQ(backoff(kRules, SIZE_MAX, 1), milliseconds(300));
}

TEST(Backoff, JitterTakesUpToHalf) {
  EXPECT_EQ(backoff(kRules, 1, 0), milliseconds(25));
}

Span numbered(std::uint64_t number) {
  Span span;
  span.duration_ns = number;
  return span;
}

TEST(SpanQueue, RefusesWhatIsBeyondItsCapacity) {
  SpanQueue queue(2, kRules);
  EXPECT_TRUE(queue.push({}));
  EXPECT_TRUE(queue.push({}));
  EXPECT_FALSE(queue.push({}));
  EXPECT_EQ(queue.size(), 2U);
}

TEST(SpanQueue, HandsOutFullBatchesInOrder) {
  SpanQueue queue(100, kRules);
  for (std::uint64_t i = 0; i < 20; ++i) queue.push(numbered(i));
  EXPECT_EQ(queue.take_batch().front().duration_ns, 0U);
  const auto second = queue.take_batch();
  EXPECT_EQ(second.size(), 10U);
  EXPECT_EQ(second.front().duration_ns, 10U);
}

TEST(SpanQueue, ClosedHandsOutWhatIsLeftAndTakesNothing) {
  SpanQueue queue(100, kRules);
  for (int i = 0; i < 13; ++i) queue.push({});
  queue.close();
  EXPECT_FALSE(queue.push({}));
  EXPECT_EQ(queue.take_batch().size(), 10U);
  EXPECT_EQ(queue.take_batch().size(), 3U);
  EXPECT_TRUE(queue.take_batch().empty());
}

}  // namespace
}  // namespace otlp_demo
