// Whom a newcomer displaces, with values.
#include "agent/http/displacement.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace notch::agent {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Clock::time_point kNow{1h};
constexpr double kLeastRate = 1'000;

ConnectionState reader(std::string_view party, std::chrono::milliseconds age,
                       std::uint64_t taken_bytes) {
  return {party, Stage::kAnswering, kNow - age, taken_bytes, true};
}

ConnectionState at(Stage stage, std::string_view party, std::chrono::milliseconds age) {
  return {party, stage, kNow - age, 0, false};
}

std::optional<std::size_t> displaced(const std::vector<ConnectionState>& connections,
                                     std::string_view newcomer,
                                     Scarce scarce = Scarce::kResponses) {
  return displaced_connection(connections, {newcomer, scarce, kNow, 1s, kLeastRate});
}

TEST(Displacement, TheSlowestOfThePartyThatHasMostGivesWay) {
  EXPECT_EQ(displaced({reader("scraper", 5s, 0), reader("many", 5s, 900'000),
                       reader("many", 5s, 800'000), reader("many", 50s, 8'000'000)},
                      "other"),
            2U);
}

TEST(Displacement, AmongEqualsThePartyOfTheNewcomerGivesWay) {
  EXPECT_EQ(displaced({reader("a", 5s, 10), reader("a", 5s, 10), reader("b", 5s, 90'000)}, "b"),
            2U);
}

TEST(Displacement, WhoHasOneIsLeftAloneUnlessItIsBelowTheLeastRate) {
  EXPECT_EQ(displaced({reader("a", 5s, 9'000), reader("b", 5s, 9'000)}, "c"), std::nullopt);
  EXPECT_EQ(displaced({reader("a", 5s, 9'000), reader("b", 5s, 4'000)}, "c"), 1U);
}

TEST(Displacement, AYoungResponseIsNotCut) {
  EXPECT_EQ(displaced({reader("a", 999ms, 0), reader("a", 999ms, 0)}, "a"), std::nullopt);
  EXPECT_EQ(displaced({reader("a", 999ms, 0), reader("a", 1s, 0)}, "a"), 1U);
}

TEST(Displacement, OnlyResponsesInFlightGiveWayToARequest) {
  ConnectionState plain = reader("a", 5s, 0);
  plain.in_flight = false;
  EXPECT_EQ(displaced({plain, at(Stage::kWaiting, "a", 5s), at(Stage::kLingering, "a", 5s)}, "a"),
            std::nullopt);
}

TEST(Displacement, AnIdleConnectionGivesWayToAConnectionWhoeverHasIt) {
  EXPECT_EQ(
      displaced({reader("a", 5s, 9'000), at(Stage::kWaiting, "b", 0s)}, "c", Scarce::kConnections),
      1U);
}

TEST(Displacement, OfAPartysIdleConnectionsTheOldestGivesWayBeforeAnyResponse) {
  EXPECT_EQ(displaced({reader("a", 9s, 0), at(Stage::kWaiting, "a", 2s),
                       at(Stage::kLingering, "a", 3s), at(Stage::kWaiting, "b", 9s)},
                      "b", Scarce::kConnections),
            2U);
}

TEST(Displacement, WhatIsCutOrBeingDecidedDoesNotGiveWay) {
  EXPECT_EQ(displaced({at(Stage::kCut, "a", 9s), at(Stage::kDeciding, "a", 9s)}, "a",
                      Scarce::kConnections),
            std::nullopt);
}

}  // namespace
}  // namespace notch::agent
