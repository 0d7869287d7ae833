// Which exemplars are kept: the newest by the writers' clocks, whatever the order in which segments
// are read, and none that a receiver would refuse behind the one before it.
#include "agent/tally/exemplar_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t kMs = 1'000'000;

shm::ExemplarEntry entry(double value, std::uint64_t unix_time_ns) {
  shm::ExemplarEntry made;
  made.value = value;
  made.unix_time_ns = unix_time_ns;
  return made;
}

double kept_value(const ExemplarStore& store) {
  return store.of_slots().at({1, 2}).value;
}

TEST(ExemplarStore, OfASlotTheOneOfTheLatestMillisecondStays) {
  ExemplarStore store;
  store.keep(1, 2, entry(10, 5 * kMs));
  store.keep(1, 2, entry(11, 4 * kMs));
  EXPECT_EQ(kept_value(store), 10) << "another segment's, read later, is older";
  store.keep(1, 2, entry(12, 5 * kMs + 999'999));
  EXPECT_EQ(kept_value(store), 10) << "of the same millisecond";
  store.keep(1, 2, entry(13, 6 * kMs));
  EXPECT_EQ(kept_value(store), 13);
  store.keep(1, 2, entry(14, 0));
  EXPECT_EQ(kept_value(store), 13) << "one without a time";
}

TEST(ExemplarStore, OfThoseWithoutATimeTheLastStaysUntilOneHasATime) {
  ExemplarStore store;
  store.keep(1, 2, entry(10, 0));
  store.keep(1, 2, entry(11, 0));
  EXPECT_EQ(kept_value(store), 11);
  store.keep(1, 2, entry(12, 7 * kMs));
  EXPECT_EQ(kept_value(store), 12);
}

std::vector<double> native_values(const ExemplarStore& store) {
  std::vector<double> values;
  for (const Exemplar& exemplar : *store.of_native(3)) values.push_back(exemplar.value);
  return values;
}

TEST(ExemplarStore, OfANativeHistogramTheEightNewestAscendHoweverOftenRingsAreRead) {
  ExemplarStore store;
  for (int reading = 0; reading < 3; ++reading) {
    for (const std::uint64_t i : {2U, 4U, 6U, 8U, 10U, 1U, 3U, 5U, 7U, 9U}) {
      store.keep_native(3, entry(static_cast<double>(i), i * kMs));
    }
    EXPECT_THAT(native_values(store), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  }
}

TEST(ExemplarStore, OfANativeHistogramSeveralOfOneTickStayInTheirOrderAndAreNotPushedOut) {
  ExemplarStore store;
  for (int i = 1; i <= 10; ++i) store.keep_native(3, entry(i, 5 * kMs));
  EXPECT_THAT(native_values(store), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  store.keep_native(3, entry(20, 6 * kMs));
  EXPECT_THAT(native_values(store), ElementsAre(2, 3, 4, 5, 6, 7, 8, 20));
}

}  // namespace
}  // namespace notch::agent
