// Which services have rows of their own, and whose names are over the limit.
#include "agent/services/service_names.h"

#include <gtest/gtest.h>

#include <string>

namespace notch::agent {
namespace {

std::string service(std::uint32_t uid, std::size_t number) {
  return "service-" + std::to_string(uid) + "-" + std::to_string(number);
}

void fill(ServiceNames& names, std::uint32_t uid) {
  for (std::size_t i = 0; i < ServiceNames::kMostOfUser; ++i) {
    ASSERT_EQ(names.shown(uid, service(uid, i)), service(uid, i));
  }
}

TEST(ServiceNames, OneUsersNamesTakeNothingFromAnothers) {
  ServiceNames names;
  fill(names, 1);
  EXPECT_EQ(names.shown(1, "one-more"), ServiceNames::kOthers);
  EXPECT_EQ(names.shown(2, "one-more"), "one-more");
  // Now it is in, whoever uses it.
  EXPECT_EQ(names.shown(1, "one-more"), "one-more");
}

TEST(ServiceNames, AllUsersTogetherHaveALimit) {
  ServiceNames names;
  for (std::uint32_t uid = 1; uid <= ServiceNames::kMost / ServiceNames::kMostOfUser; ++uid) {
    fill(names, uid);
  }
  EXPECT_EQ(names.shown(1000, "one-more"), ServiceNames::kOthers);
  names.forget(service(3, 7));
  EXPECT_EQ(names.shown(1000, "one-more"), "one-more");
}

TEST(ServiceNames, TheLimitsCanBeSet) {
  ServiceNames names(2, 3);
  EXPECT_EQ(names.shown(1, "a"), "a");
  EXPECT_EQ(names.shown(1, "b"), "b");
  EXPECT_EQ(names.shown(1, "c"), ServiceNames::kOthers);
  EXPECT_EQ(names.shown(2, "c"), "c");
  EXPECT_EQ(names.shown(2, "d"), ServiceNames::kOthers);
}

TEST(ServiceNames, AForgottenNameMakesRoomForItsUser) {
  ServiceNames names;
  fill(names, 1);
  names.forget("never-there");
  EXPECT_EQ(names.shown(1, "one-more"), ServiceNames::kOthers);
  names.forget(service(1, 0));
  EXPECT_EQ(names.shown(1, "one-more"), "one-more");
}

TEST(ServiceNames, ARenamedOneIsStillItsUsers) {
  ServiceNames names(2, 3);
  names.shown(1, "a");
  names.shown(1, "b");
  const std::vector<ServiceRename> renames = {{"a", "a@1"}, {"b", ""}};
  names.rename(renames);
  EXPECT_EQ(names.shown(1, "c"), "c");
  EXPECT_EQ(names.shown(1, "a"), ServiceNames::kOthers);
  EXPECT_EQ(names.forget("a@1"), 1U);
  EXPECT_EQ(names.shown(1, "a"), "a");
}

}  // namespace
}  // namespace notch::agent
