// What version 2 of the ledger says and version 1 did not: whose families and rows are.
#include <gtest/gtest.h>

#include "tests/agent/ledger/ledger_fixture.h"

namespace notch::agent {
namespace {

TEST_F(LedgerFile, OwnersOutliveARestartAndACompaction) {
  Family family = sample::families()[sample::kCount];
  family.owner_uid = 1001;
  {
    Agent agent(directory_.fd());
    agent.ledger().define_family(family);
    agent.ledger().define_row(0, "a", 1002);
    ASSERT_TRUE(agent.ledger().append({}, kNow).ok);
  }
  {
    Agent agent(directory_.fd());
    EXPECT_EQ(agent.recovered().families, std::vector{family});
    ASSERT_TRUE(agent.compact().ok);
  }
  const Recovered recovered = recover();
  EXPECT_EQ(recovered.families, std::vector{family});
  ASSERT_EQ(recovered.rows.size(), 1U);
  EXPECT_EQ(recovered.rows[0].owner_uid, 1002U);
}

TEST_F(LedgerFile, OfVersionOneIsWrittenAnewWithAllItHeld) {
  std::vector<RecoveredRow> counted;
  {
    Agent agent(directory_.fd());
    agent.define_all();
    ASSERT_TRUE(agent.fold_segment(1).ok);
    counted = agent.rows();
  }
  const std::string old = sample::version_1(directory_.read("ledger"));
  directory_.write("ledger", old + "torn");
  {
    Agent agent(directory_.fd());
    ASSERT_TRUE(agent.opened().ok) << agent.opened().message;
    EXPECT_EQ(agent.recovered().rows, counted);
    EXPECT_EQ(agent.recovered().broken_frames, 0U);
    EXPECT_FALSE(agent.fold_segment(1).ok) << "it is folded already";
    ASSERT_TRUE(agent.fold_segment(2).ok);
    counted = agent.rows();
  }
  EXPECT_EQ(directory_.read("ledger")[12], 2);
  EXPECT_FALSE(directory_.has("ledger.broken"));
  EXPECT_EQ(recover().rows, counted);
}

}  // namespace
}  // namespace notch::agent
