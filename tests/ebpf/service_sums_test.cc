// A service's sums over the slots it had, by values alone.
#include "ebpf/service_sums.h"

#include <gtest/gtest.h>

namespace notch::ebpf {
namespace {

struct Row {
  __u64 events;
  __u64 ns;
};

constexpr std::size_t kSlot = 3;
constexpr std::size_t kOther = 4;

TEST(SlotSums, ASlotsNextServiceStartsAtZero) {
  SlotSums<Row> sums;
  sums.given(kSlot, "a", {0, 0});
  EXPECT_EQ(sums.of(kSlot, {5, 50}).events, 5U);
  sums.taken_back(kSlot, "a", {5, 50});
  sums.given(kSlot, "b", {5, 50});
  EXPECT_EQ(sums.of(kSlot, {5, 50}).ns, 0U);
  EXPECT_EQ(sums.of(kSlot, {7, 57}).events, 2U);
  EXPECT_EQ(sums.of(kSlot, {7, 57}).ns, 7U);
  EXPECT_EQ(sums.kept().at("a").events, 5U);
}

TEST(SlotSums, AServiceThatComesAgainGoesOnWhereverItIs) {
  SlotSums<Row> sums;
  sums.given(kSlot, "a", {0, 0});
  sums.taken_back(kSlot, "a", {5, 50});
  sums.given(kOther, "a", {1000, 3});
  EXPECT_TRUE(sums.kept().empty());
  EXPECT_EQ(sums.of(kOther, {1000, 3}).events, 5U);
  EXPECT_EQ(sums.of(kOther, {1001, 4}).events, 6U);
  EXPECT_EQ(sums.of(kOther, {1001, 4}).ns, 51U);
  sums.taken_back(kOther, "a", {1002, 5});
  EXPECT_EQ(sums.kept().at("a").events, 7U);
  EXPECT_EQ(sums.kept().at("a").ns, 52U);
}

TEST(SlotSums, WhatIsForgottenStartsAtZeroAgain) {
  SlotSums<Row> sums;
  sums.given(kSlot, "a", {0, 0});
  sums.taken_back(kSlot, "a", {5, 50});
  sums.forget("a");
  EXPECT_TRUE(sums.kept().empty());
  sums.given(kOther, "a", {9, 9});
  EXPECT_EQ(sums.of(kOther, {9, 9}).events, 0U);
}

TEST(SlotSums, NothingIsLostOrCountedTwiceOverManyTurns) {
  SlotSums<Row> sums;
  Row now{0, 0};
  for (int turn = 0; turn < 100; ++turn) {
    const std::string service = "s" + std::to_string(turn % 7);
    sums.given(kSlot, service, now);
    now.events += 1;
    now.ns += static_cast<__u64>(turn);
    sums.taken_back(kSlot, service, now);
  }
  Row total{0, 0};
  for (const auto& [service, row] : sums.kept()) {
    total.events += row.events;
    total.ns += row.ns;
  }
  EXPECT_EQ(total.events, now.events);
  EXPECT_EQ(total.ns, now.ns);
}

TEST(SlotSums, WhatIsKeptGoesUnderTheNewName) {
  SlotSums<Row> sums;
  sums.given(kSlot, "a", {0, 0});
  sums.taken_back(kSlot, "a", {5, 50});
  sums.rename({{"a", "a@7"}});
  sums.given(kSlot, "a", {5, 50});
  EXPECT_EQ(sums.of(kSlot, {6, 51}).events, 1U);
  EXPECT_EQ(sums.kept().at("a@7").events, 5U);
}

}  // namespace
}  // namespace notch::ebpf
