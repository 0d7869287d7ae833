// A segment's file under another name: the same segment, counted once.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

class CollectRename : public CollectTest {
 protected:
  void rename(const std::string& from, const std::string& to) {
    std::filesystem::rename(directory_.path(from), directory_.path(to));
    collect_->removed(std::vector{from});
    collect_->add(std::vector{to}, now_);
  }
};

TEST_F(CollectRename, OfALivingSegmentCountsOnce) {
  start_agent();
  SegmentFile& living = start_process(3);
  rename(living.name(), "other.notch");
  EXPECT_EQ(sum(), 3U);
  living.count(4);
  rename("other.notch", "third.notch");
  EXPECT_EQ(sum(), 4U);
  EXPECT_EQ(stats().live_segments, 1U);
  EXPECT_EQ(stats().nameless_segments, 0U);
}

TEST_F(CollectRename, IsFoldedOnceAndRemovedUnderItsNewName) {
  start_agent();
  SegmentFile& dying = start_process(3);
  rename(dying.name(), "other.notch");
  dying.die();
  sweep();
  sweep();
  EXPECT_EQ(sum(), 3U);
  EXPECT_EQ(stats().folds, 1U);
  EXPECT_FALSE(directory_.has("other.notch"));
}

TEST_F(CollectRename, BetweenDeathAndRemovalCountsOnce) {
  start_agent();
  SegmentFile& dying = start_process(3);
  dying.die();
  std::filesystem::rename(directory_.path(dying.name()), directory_.path("other.notch"));
  sweep();  // folds it, and finds nothing to remove under the name it knows
  EXPECT_EQ(stats().unremoved_segments, 1U);
  collect_->removed(std::vector{dying.name()});
  collect_->add(std::vector<std::string>{"other.notch"}, now_);
  sweep();
  EXPECT_EQ(sum(), 3U);
  EXPECT_EQ(stats().folds, 1U);
  EXPECT_EQ(stats().unremoved_segments, 0U);
  EXPECT_FALSE(directory_.has("other.notch"));
}

TEST_F(CollectRename, WhileNoAgentRunsOfAFoldedFileCountsOnce) {
  start_agent();
  SegmentFile& dying = start_process(3);
  // As a kill between the fold and the removal leaves it, renamed before the next agent comes.
  ASSERT_EQ(::link(directory_.path(dying.name()).c_str(), directory_.path("kept").c_str()), 0);
  dying.die();
  sweep();
  std::filesystem::rename(directory_.path("kept"), directory_.path("other.notch"));
  start_agent();
  collect_->add(std::vector<std::string>{"other.notch"}, now_);
  sweep();
  EXPECT_EQ(sum(), 3U);
  EXPECT_FALSE(directory_.has("other.notch"));
  EXPECT_EQ(stats().unremoved_segments, 0U);
}

TEST_F(CollectRename, BetweenTwoLooksOfOneListingCountsOnce) {
  SegmentFile& living = start_process(3);
  start_agent();
  // Two names for one file, as a listing beside a rename may tell.
  std::filesystem::rename(directory_.path(living.name()), directory_.path("other.notch"));
  collect_->add(std::vector<std::string>{"other.notch"}, now_);
  EXPECT_EQ(sum(), 3U);
  collect_->removed(std::vector{living.name()});
  EXPECT_EQ(stats().live_segments, 1U);
  EXPECT_EQ(stats().nameless_segments, 0U);
}

TEST_F(CollectRename, AFoldedFileThatIsGoneIsForgottenAfterTwoLooks) {
  start_agent();
  SegmentFile& dying = start_process(3);
  ASSERT_EQ(::link(directory_.path(dying.name()).c_str(), directory_.path("kept").c_str()), 0);
  dying.die();
  sweep();
  EXPECT_EQ(stats().unremoved_segments, 1U);
  for (int look = 0; look < 2; ++look) {
    pass(60);
    sweep();
  }
  EXPECT_EQ(stats().unremoved_segments, 0U);
}

TEST_F(CollectRename, AnotherFileUnderTheOldNameIsAnother) {
  start_agent();
  SegmentFile& first = start_process(3);
  rename(first.name(), "other.notch");
  const SegmentFile second(directory_, first.name(), 5);
  collect_->add(std::vector{first.name()}, now_);
  EXPECT_EQ(sum(), 8U);
  EXPECT_EQ(stats().live_segments, 2U);
}

}  // namespace
}  // namespace notch::testing
