// Whose rows go when services are gone: by age, and by who brought in most.
#include "agent/kernel/gone_services.h"

#include <gtest/gtest.h>

namespace notch::agent {
namespace {

using Names = std::vector<std::string>;

TEST(GoneServices, GoWhenTheirTimeIsOver) {
  GoneServices gone(60);
  gone.add("a", 1, 100);
  gone.add("b", 1, 130);
  EXPECT_EQ(gone.take_expired(159), Names{});
  EXPECT_EQ(gone.take_expired(160), Names{"a"});
  EXPECT_EQ(gone.take_expired(160), Names{});
  EXPECT_EQ(gone.take_expired(190), Names{"b"});
}

TEST(GoneServices, OneThatCameAgainIsNotForgotten) {
  GoneServices gone(60);
  gone.add("a", 1, 100);
  gone.remove("a");
  EXPECT_EQ(gone.take_expired(1000), Names{});
}

TEST(GoneServices, StayForEverWithoutARetention) {
  GoneServices gone(0);
  gone.add("a", 1, 100);
  EXPECT_EQ(gone.take_expired(1U << 30), Names{});
}

TEST(GoneServices, WhatOneUserInventsCostsNoOthersRows) {
  GoneServices gone(0);
  gone.add("first", 7, 1);
  for (std::size_t i = 0; i < GoneServices::kMost + 5; ++i) {
    gone.add("invented-" + std::to_string(i), 8, 2 + i);
  }
  const Names expired = gone.take_expired(1000);
  EXPECT_EQ(expired, (Names{"invented-0", "invented-1", "invented-2", "invented-3", "invented-4",
                            "invented-5"}));
}

TEST(GoneServices, AreForgottenUnderTheirNewNames) {
  GoneServices gone(60);
  gone.add("a", 1, 100);
  const std::vector<ServiceRename> renames = {{"a", "a@1"}};
  gone.rename(renames);
  EXPECT_EQ(gone.take_expired(1000), Names{"a@1"});
}

}  // namespace
}  // namespace notch::agent
