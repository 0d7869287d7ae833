// Whose a name is: precedence, collisions of sample names, what a newer definition may drive out,
// and how many names a user may have.
#include "agent/tally/family_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace notch::agent {
namespace {

constexpr std::uint32_t kRoot = 0;
constexpr std::uint32_t kDaemon = 999;
constexpr std::uint32_t kVictim = 61001;
constexpr std::uint32_t kOther = 61002;

Family family_of(std::uint32_t uid, const std::string& name,
                 MetricType type = MetricType::kCounter) {
  Family family;
  family.name = name;
  family.type = type;
  if (type == MetricType::kGauge) family.number = Number::kFloat;
  family.owner_uid = uid;
  return family;
}

// A table, and what living segments and rows in it do.
class FamilyTableTest : public ::testing::Test {
 protected:
  Admission admit(const Family& family) { return table_.admit(family, challenges_); }
  std::uint32_t taken(const Family& family) {
    const Admission admission = admit(family);
    EXPECT_NE(admission.family, kNoFamily) << family.name;
    return admission.family;
  }
  Conflict refused(const Family& family) {
    const Admission admission = admit(family);
    EXPECT_EQ(admission.family, kNoFamily) << family.name;
    return admission.conflict;
  }
  // A row of the dead.
  std::uint32_t dead(const Family& family) {
    const std::uint32_t id = taken(family);
    table_.add_row(id, family.owner_uid);
    table_.leave(id, family.owner_uid);
    return id;
  }
  bool yields(std::uint32_t family) {
    const auto displaced = table_.displace();
    return std::find(displaced.begin(), displaced.end(), family) != displaced.end();
  }
  void drop(std::uint32_t family, std::uint32_t uid) {
    table_.drop_row(family, uid);
    table_.release(family);
  }

  FamilyTable table_{{.families = 6, .per_uid = 3}};
  std::vector<Challenge> challenges_;
};

TEST_F(FamilyTableTest, SystemUsersOutrankOthersAndNobodyAnEqual) {
  EXPECT_TRUE(outranks(kRoot, kVictim));
  EXPECT_TRUE(outranks(kDaemon, kVictim));
  EXPECT_FALSE(outranks(kVictim, kRoot));
  EXPECT_FALSE(outranks(kRoot, kDaemon));
  EXPECT_FALSE(outranks(kOther, kVictim));
  EXPECT_TRUE(outranks(kOther, kUnknownOwner));
  EXPECT_FALSE(outranks(kUnknownOwner, kOther));
  EXPECT_TRUE(outranks(kRoot, kManyOwners));
  EXPECT_FALSE(outranks(kOther, kManyOwners));
}

struct Pair {
  const char* name;
  MetricType type;
  const char* other_name;
  MetricType other_type;
};

class SampleNames : public FamilyTableTest, public ::testing::WithParamInterface<Pair> {};

// Whoever comes first, and whichever of the two he has: the other is left out.
TEST_P(SampleNames, OfTwoFamiliesNeverMeet) {
  const Pair& pair = GetParam();
  const Family one = family_of(kVictim, pair.name, pair.type);
  const Family other = family_of(kOther, pair.other_name, pair.other_type);
  const std::uint32_t family = taken(one);
  EXPECT_EQ(refused(other), Conflict::kSampleName);
  EXPECT_FALSE(yields(family));
  FamilyTable reversed({.families = 6, .per_uid = 3});
  EXPECT_NE(reversed.admit(other, challenges_).family, kNoFamily);
  EXPECT_EQ(reversed.admit(one, challenges_).conflict, Conflict::kSampleName);
}

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;
constexpr auto kNative = MetricType::kNativeHistogram;
INSTANTIATE_TEST_SUITE_P(All, SampleNames,
                         ::testing::Values(Pair{"x_total", kCounter, "x", kHistogram},
                                           Pair{"x_total", kCounter, "x", kGauge},
                                           Pair{"x_total", kCounter, "x", kNative},
                                           Pair{"x_total", kCounter, "x_created", kGauge},
                                           Pair{"x", kHistogram, "x_bucket", kGauge},
                                           Pair{"x", kHistogram, "x_sum", kGauge},
                                           Pair{"x", kHistogram, "x_count", kGauge},
                                           Pair{"x", kHistogram, "x_created", kGauge},
                                           Pair{"x", kNative, "x_count", kHistogram},
                                           Pair{"x_sum_total", kCounter, "x", kHistogram}));

TEST_F(FamilyTableTest, NamesThatOnlyLookAlikeDoNotMeet) {
  taken(family_of(kVictim, "x_total"));
  taken(family_of(kOther, "x_info", kGauge));
  taken(family_of(kOther, "x_count", kGauge));
  EXPECT_EQ(table_.count(), 3U);
}

TEST_F(FamilyTableTest, NobodysDefinitionDrivesOutAnEquals) {
  const std::uint32_t family = dead(family_of(kVictim, "x_total"));
  EXPECT_EQ(refused(family_of(kOther, "x_total", kGauge)), Conflict::kType);
  EXPECT_EQ(refused(family_of(kOther, "x", kHistogram)), Conflict::kSampleName);
  EXPECT_FALSE(yields(family));
  // At his next start he is let in again.
  EXPECT_EQ(taken(family_of(kVictim, "x_total")), family);
}

TEST_F(FamilyTableTest, TheSameUsersNewerDefinitionFollowsOnceTheOldIsUnused) {
  const std::uint32_t family = taken(family_of(kVictim, "x_total"));
  table_.add_row(family, kVictim);
  EXPECT_EQ(refused(family_of(kVictim, "x_total", kGauge)), Conflict::kType);
  EXPECT_FALSE(yields(family)) << "the older program lives";
  table_.leave(family, kVictim);
  EXPECT_TRUE(yields(family));
  EXPECT_TRUE(table_.take_freed());
  EXPECT_NE(taken(family_of(kVictim, "x_total", kGauge)), family);
  drop(family, kVictim);
  EXPECT_EQ(table_.count(), 1U);
}

TEST_F(FamilyTableTest, WhereAnotherHasAPartEvenTheOwnersDefinitionStays) {
  const std::uint32_t family = dead(family_of(kVictim, "x_total"));
  table_.add_row(family, kOther);
  refused(family_of(kVictim, "x_total", kGauge));
  EXPECT_FALSE(yields(family));
  table_.drop_row(family, kOther);
  refused(family_of(kVictim, "x_total", kGauge));
  EXPECT_TRUE(yields(family));
}

TEST_F(FamilyTableTest, SystemUsersTakeANameAtOnce) {
  const std::uint32_t family = taken(family_of(kOther, "x", kHistogram));
  table_.add_row(family, kOther);
  EXPECT_EQ(refused(family_of(kRoot, "x_total")), Conflict::kSampleName);
  EXPECT_TRUE(yields(family));
  EXPECT_TRUE(table_.take_freed());
  const std::uint32_t roots = taken(family_of(kRoot, "x_total"));
  EXPECT_EQ(refused(family_of(kOther, "x", kHistogram)), Conflict::kSampleName);
  EXPECT_FALSE(yields(roots));
  // Its uses and rows are given back as ever.
  table_.leave(family, kOther);
  drop(family, kOther);
  EXPECT_EQ(table_.count(), 1U);
  EXPECT_FALSE(table_.holds(family));
}

TEST_F(FamilyTableTest, OneOfTwoHoldersThatMustNotYieldKeepsBoth) {
  const std::uint32_t own = dead(family_of(kOther, "x", kGauge));
  dead(family_of(kVictim, "x_count", kGauge));
  EXPECT_EQ(refused(family_of(kOther, "x", kHistogram)), Conflict::kType);
  EXPECT_FALSE(yields(own)) << "nothing is won by it";
}

TEST_F(FamilyTableTest, AChallengeEndsWithItsSegment) {
  const std::uint32_t family = dead(family_of(kVictim, "x_total"));
  refused(family_of(kVictim, "x_total", kGauge));
  ASSERT_EQ(challenges_.size(), 1U);
  table_.withdraw(challenges_[0], kVictim);
  EXPECT_FALSE(yields(family));
  // The place has another family meanwhile: nothing of it is withdrawn.
  refused(family_of(kVictim, "x_total", kGauge));
  drop(family, kVictim);
  EXPECT_EQ(dead(family_of(kVictim, "y_total")), family);
  refused(family_of(kVictim, "y_total", kGauge));
  table_.withdraw(challenges_[1], kVictim);
  EXPECT_TRUE(yields(family));
}

TEST_F(FamilyTableTest, WhatWasRefusedIsToldOnceTheNameIsFree) {
  const std::uint32_t family = dead(family_of(kVictim, "x_total"));
  EXPECT_FALSE(table_.take_freed());
  refused(family_of(kOther, "x", kHistogram));
  drop(family, kVictim);
  EXPECT_TRUE(table_.take_freed());
  EXPECT_FALSE(table_.take_freed());
}

TEST_F(FamilyTableTest, TheAgentsOwnNamesAreNobodys) {
  const std::uint32_t family = taken(family_of(kVictim, "node_load", kHistogram));
  table_.reserve(family_of(kUnknownOwner, "node_load_sum", kGauge));
  EXPECT_TRUE(yields(family));
  EXPECT_TRUE(table_.take_freed());
  EXPECT_EQ(refused(family_of(kRoot, "node_load", kHistogram)), Conflict::kReservedName);
  EXPECT_EQ(refused(family_of(kRoot, "node_load_sum_total")), Conflict::kReservedName);
  taken(family_of(kVictim, "node_load_total"));
}

TEST_F(FamilyTableTest, OneUsersNamesKeepOutNoOthers) {
  for (const char* name : {"a_total", "b_total", "c_total"}) taken(family_of(kOther, name));
  EXPECT_EQ(refused(family_of(kOther, "d_total")), Conflict::kFamilyLimitPerUser);
  EXPECT_EQ(table_.room(kOther), 0U);
  for (const char* name : {"d_total", "e_total", "f_total"}) taken(family_of(kVictim, name));
  EXPECT_EQ(refused(family_of(kRoot, "g_total")), Conflict::kFamilyLimit);
  EXPECT_EQ(taken(family_of(kRoot, "a_total")), 0U) << "one more user of a name takes no room";
}

TEST_F(FamilyTableTest, NamesOfTheDeadCountForThoseWhoseRowsTheyAre) {
  const std::uint32_t family = dead(family_of(kOther, "a_total"));
  table_.add_row(family, kVictim);
  drop(family, kOther);
  EXPECT_EQ(table_.owner(family), kVictim);
  EXPECT_EQ(table_.room(kOther), 3U);
  EXPECT_EQ(table_.room(kVictim), 2U);
}

TEST_F(FamilyTableTest, JoiningAFamilyCountsAsWell) {
  for (const char* name : {"a_total", "b_total", "c_total"}) taken(family_of(kVictim, name));
  for (const char* name : {"a_total", "b_total", "c_total"}) taken(family_of(kOther, name));
  EXPECT_EQ(refused(family_of(kOther, "d_total")), Conflict::kFamilyLimitPerUser);
}

TEST_F(FamilyTableTest, OfTheLedgersFamiliesTheLaterOfANameAndTheFirstOfOthersIsTaken) {
  std::vector<std::uint32_t> replaced;
  const std::uint32_t first = table_.restore(family_of(kVictim, "x_total"), replaced);
  EXPECT_EQ(table_.restore(family_of(kOther, "x", kHistogram), replaced), kNoFamily);
  EXPECT_EQ(table_.restore(family_of(kUnknownOwner, "x", kHistogram), replaced), kNoFamily);
  EXPECT_TRUE(replaced.empty());
  const std::uint32_t newer = table_.restore(family_of(kVictim, "x_total", kGauge), replaced);
  EXPECT_EQ(replaced, std::vector{first});
  EXPECT_NE(newer, first);
  EXPECT_NE(table_.restore(family_of(kRoot, "x_total"), replaced), kNoFamily);
  EXPECT_EQ(replaced.back(), newer);
  EXPECT_EQ(table_.count(), 1U);
}

TEST_F(FamilyTableTest, AnOlderLedgersFamiliesYieldToWhoeverComes) {
  std::vector<std::uint32_t> replaced;
  const std::uint32_t family = table_.restore(family_of(kUnknownOwner, "x_total"), replaced);
  table_.add_row(family, kUnknownOwner);
  refused(family_of(kVictim, "x_total", kGauge));
  EXPECT_TRUE(yields(family));
}

// As the rows of a ledger, of which none is to be lost at a start.
TEST_F(FamilyTableTest, WhatSeveralUsersHaveIsInNoUsersLimit) {
  std::uint32_t last = kNoFamily;
  for (const char* const name : {"a", "b", "c"}) last = dead(family_of(kVictim, name));
  for (const char* const name : {"d", "e", "f"}) last = dead(family_of(kOther, name));
  for (std::uint32_t family = 0; family < last; ++family) table_.add_row(family, kManyOwners);
  EXPECT_TRUE(table_.may_have_part(last, kManyOwners));
  EXPECT_FALSE(table_.may_have_part(last, kVictim));
}

}  // namespace
}  // namespace notch::agent
