// What is kept of cgroups that are gone, by values alone.
#include "ebpf/kept_groups.h"

#include <gtest/gtest.h>

namespace notch::ebpf {
namespace {

constexpr cpu_row kUsed{5, 7, 0, 0};

void add_many(KeptGroups& groups, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) groups.add({"", "/" + std::to_string(i)}, kUsed);
}

TEST(KeptGroups, WhatIsAddedAgainIsOneSum) {
  KeptGroups groups;
  groups.add({"a", "/one"}, kUsed);
  groups.add({"a", "/one"}, kUsed);
  groups.add({"", "/one"}, kUsed);
  EXPECT_EQ(groups.all().size(), 2U);
  EXPECT_EQ(groups.all().at({"a", "/one"}).run_ns, 10U);
  EXPECT_EQ(groups.all().at({"a", "/one"}).wait_ns, 14U);
}

TEST(KeptGroups, TheLongestGoneMakesRoom) {
  KeptGroups groups;
  add_many(groups, KeptGroups::kMost + 1);
  EXPECT_EQ(groups.all().size(), KeptGroups::kMost);
  EXPECT_FALSE(groups.all().contains({"", "/0"}));
  EXPECT_TRUE(groups.all().contains({"", "/1"}));
}

TEST(KeptGroups, WhatIsTakenLeavesItsPlace) {
  KeptGroups groups;
  add_many(groups, KeptGroups::kMost);
  EXPECT_EQ(groups.take({"", "/0"})->run_ns, 5U);
  EXPECT_FALSE(groups.take({"", "/0"}));
  groups.add({"", "/next"}, kUsed);
  EXPECT_TRUE(groups.all().contains({"", "/1"}));
}

TEST(KeptGroups, TheRowOfThoseWithoutAPathNeverFalls) {
  KeptGroups groups;
  groups.add({"", kOtherCgroups}, kUsed);
  groups.add({"a", kOtherCgroups}, kUsed);
  add_many(groups, 2 * KeptGroups::kMost);
  groups.add({"", kOtherCgroups}, kUsed);
  EXPECT_EQ(groups.all().at({"", kOtherCgroups}).run_ns, 10U);
  EXPECT_EQ(groups.all().at({"a", kOtherCgroups}).run_ns, 5U);
}

TEST(KeptGroups, AForgottenServiceLeavesNothing) {
  KeptGroups groups;
  groups.add({"a", "/one"}, kUsed);
  groups.add({"a", kOtherCgroups}, kUsed);
  groups.add({"b", "/one"}, kUsed);
  groups.forget("a");
  EXPECT_EQ(groups.all().size(), 1U);
  EXPECT_TRUE(groups.all().contains({"b", "/one"}));
}

TEST(KeptGroups, GoUnderTheNewNamesOfTheirServices) {
  KeptGroups groups;
  groups.add({"a", "/one"}, kUsed);
  groups.add({"a", kOtherCgroups}, kUsed);
  groups.add({"a@9", "/one"}, kUsed);
  groups.rename({{"a", "a@7"}, {"a@9", "a"}});
  EXPECT_EQ(groups.all().size(), 3U);
  EXPECT_TRUE(groups.all().contains({"a@7", kOtherCgroups}));
  EXPECT_TRUE(groups.all().contains({"a", "/one"}));
  groups.forget("a@7");
  EXPECT_EQ(groups.all().size(), 1U);
  add_many(groups, KeptGroups::kMost);  // the order of leaving knows the new names too
  EXPECT_EQ(groups.all().size(), KeptGroups::kMost);
}

}  // namespace
}  // namespace notch::ebpf
