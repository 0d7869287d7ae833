// A ledger whose file somebody removes or replaces, whose directory goes, or that another agent may
// write to (LE5): nothing of it is lost to the agent that has it open.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tests/agent/ledger/ledger_fixture.h"

namespace notch::agent {
namespace {

TEST_F(LedgerFile, OneThatWasRemovedIsWrittenAnewWhole) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  EXPECT_TRUE(agent.ledger().is_in_place());
  ASSERT_EQ(::unlinkat(directory_.fd(), "ledger", 0), 0);
  EXPECT_FALSE(agent.ledger().is_in_place());
  ASSERT_TRUE(agent.fold_segment(2).ok);
  ASSERT_TRUE(agent.compact().ok);
  EXPECT_TRUE(agent.ledger().is_in_place());
  EXPECT_EQ(recover().rows, agent.rows());
}

TEST_F(LedgerFile, OneThatWasReplacedIsWrittenAnewAndTheOtherKeptAside) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  ASSERT_EQ(::unlinkat(directory_.fd(), "ledger", 0), 0);
  directory_.write("ledger", "another's");
  EXPECT_FALSE(agent.ledger().is_in_place());
  ASSERT_TRUE(agent.compact().ok);
  EXPECT_EQ(directory_.read("ledger.replaced"), "another's");
  EXPECT_EQ(recover().rows, agent.rows());
}

TEST_F(LedgerFile, OneThatMovesIsWholeInTheOtherDirectory) {
  const ScratchDirectory other;
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  agent.ledger().move_to(other.fd());
  EXPECT_FALSE(agent.ledger().is_in_place());
  ASSERT_TRUE(agent.fold_segment(2).ok);
  ASSERT_TRUE(agent.compact().ok);
  ASSERT_TRUE(agent.fold_segment(3).ok);
  EXPECT_TRUE(agent.ledger().is_in_place());
  EXPECT_EQ(Agent(other.fd()).rows(), agent.rows());
}

TEST_F(LedgerFile, NothingIsWrittenWhileAnotherMayWrite) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  const std::string before = directory_.read("ledger");
  agent.ledger().suspend();
  EXPECT_FALSE(agent.fold_segment(2).ok);
  EXPECT_FALSE(agent.compact().ok);
  EXPECT_EQ(directory_.read("ledger"), before);
  agent.ledger().resume();
  EXPECT_FALSE(agent.ledger().is_in_place());
  ASSERT_TRUE(agent.fold_segment(2).ok);
  ASSERT_TRUE(agent.compact().ok);
  EXPECT_TRUE(agent.ledger().is_in_place());
  EXPECT_EQ(recover().rows, agent.rows());
}

}  // namespace
}  // namespace notch::agent
