// Whose limits a uid's are, as /etc/passwd and /etc/subuid say.
#include "agent/files/accounts.h"

#include <gtest/gtest.h>

#include "agent/segments/segment_quota.h"
#include "agent/services/service_names.h"
#include "agent/tally/family_table.h"
#include "agent/tally/row_quota.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using testing::ScratchDirectory;

constexpr std::uint32_t kAlice = 1000;

TEST(ParsePasswd, TakesNamesAndUidsAndPassesOverTheRest) {
  const auto users = parse_passwd(
      "root:x:0:0:root:/root:/bin/sh\nbad\n:x:7:\n+nis::::::\nalice:x:1000:1000:,:/:\n"
      "big:x:4294967296:0:::\nx:y:z");
  EXPECT_EQ(users.size(), 2U);
  EXPECT_EQ(users.find("alice")->second, kAlice);
}

TEST(ParseSubuid, TakesNamesAndNumbersAndPassesOverTheRest) {
  const auto ranges = parse_subuid(
      "alice:100000:65536\n1001:200000:5\nalice:-1:5\nalice:1:\n:1:2\nalice:300000:5:6\n# a\n\n",
      {{"alice", kAlice}});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].first, 100'000U);
  EXPECT_EQ(ranges[0].count, 65'536U);
  EXPECT_EQ(ranges[0].owner, kAlice);
  EXPECT_EQ(ranges[1].owner, 1001U);
}

TEST(ParseSubuid, GivesRootsAndUnknownOwnersRangesToNobodyElse) {
  const auto ranges =
      parse_subuid("root:1000000:131072\nldap:7000000:10\n", {{"root", 0}, {"alice", kAlice}});
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[0].owner, 1'000'000U);
  EXPECT_EQ(ranges[1].owner, 1'065'536U);
  EXPECT_EQ(ranges[2].owner, 7'000'000U);
}

TEST(ParseSubuid, IsBoundedWhateverTheFileSays) {
  std::string text = "root:0:4294967295\nalice:4294967290:4294967295\n";
  for (int i = 0; i < 70'000; ++i) text += "alice:5:1\n";
  const auto ranges = parse_subuid(text, {{"alice", kAlice}});
  EXPECT_EQ(ranges.size(), kMostRanges);
  EXPECT_EQ(parse_subuid("alice:4294967290:4294967295", {{"alice", kAlice}})[0].count, 5U);
}

class AccountsTest : public ::testing::Test {
 protected:
  AccountsTest() {
    directory_.write("passwd", "root:x:0:0:\nalice:x:1000:1000:\nguest:x:100007:1:\n");
    directory_.write("subuid", "alice:100000:65536\nroot:1000000:65536\n");
  }

  ScratchDirectory directory_;
  Accounts accounts_{directory_.path("passwd"), directory_.path("subuid")};
};

TEST_F(AccountsTest, SubordinateUidsAreTheirOwners) {
  EXPECT_EQ(accounts_.of(100'000), kAlice);
  EXPECT_EQ(accounts_.of(165'535), kAlice);
  EXPECT_EQ(accounts_.of(165'536), 165'536U);
  EXPECT_EQ(accounts_.of(kAlice), kAlice);
  EXPECT_EQ(accounts_.of(0), 0U);
  EXPECT_EQ(accounts_.of(1'000'005), 1'000'000U);
  EXPECT_EQ(accounts_.of(kUnknownOwner), kUnknownOwner);
}

TEST_F(AccountsTest, WhoHasAnEntryOfHisOwnIsNobodyElses) {
  EXPECT_EQ(accounts_.of(100'007), 100'007U);
}

TEST_F(AccountsTest, AChangedFileSaysWhatNewUidsAre) {
  EXPECT_EQ(accounts_.of(200'000), 200'000U);
  directory_.write("subuid", "alice:200000:65536\n");
  EXPECT_EQ(accounts_.of(200'001), kAlice);
  EXPECT_EQ(accounts_.of(200'000), 200'000U) << "it was charged as this";
}

TEST_F(AccountsTest, WithoutFilesEverybodyIsHisOwn) {
  Accounts none(directory_.path("none"), directory_.path("none"));
  EXPECT_EQ(none.of(100'000), 100'000U);
  EXPECT_EQ(account_of(nullptr, 100'000), 100'000U);
}

TEST_F(AccountsTest, ShareWhatOneUserMayHave) {
  RowQuota rows({.dead_rows_per_uid = 2}, &accounts_);
  rows.change(100'001, {}, {.dead_rows = 1});
  rows.change(100'002, {}, {.dead_rows = 2});
  EXPECT_FALSE(rows.takes_dead(kAlice, 0));
  EXPECT_FALSE(rows.takes_dead(100'003, 0));
  EXPECT_TRUE(rows.takes_dead(1001, 0));
  ASSERT_TRUE(rows.excess());
  EXPECT_EQ(rows.excess()->account, kAlice);
  rows.change(100'002, {.dead_rows = 2}, {});
  EXPECT_TRUE(rows.takes_dead(kAlice, 0));

  SegmentLimits limits;
  limits.per_uid.segments = 2;
  SegmentQuota segments(limits, &accounts_);
  segments.change(100'001, {}, {.segments = 2});
  EXPECT_STREQ(segments.refusal(kAlice, 0, 0), "segments_per_uid");
  EXPECT_EQ(segments.refusal(1001, 0, 0), nullptr);

  FamilyTable families({.per_uid = 2}, &accounts_);
  for (const std::uint32_t uid : {100'001U, 100'002U}) {
    std::vector<Challenge> none;
    Family family;
    family.name = "a" + std::to_string(uid);
    family.owner_uid = uid;
    EXPECT_EQ(families.admit(family, none).conflict, Conflict::kNone);
  }
  EXPECT_FALSE(families.has_room(kAlice));
  EXPECT_TRUE(families.has_room(1001));

  ServiceNames names(1, 10, &accounts_);
  EXPECT_EQ(names.shown(100'001, "a"), "a");
  EXPECT_EQ(names.shown(100'002, "b"), ServiceNames::kOthers);
  EXPECT_EQ(names.shown(1001, "c"), "c");
  EXPECT_EQ(names.forget("a"), kAlice);
}

}  // namespace
}  // namespace notch::agent
