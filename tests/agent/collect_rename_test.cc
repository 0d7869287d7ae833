// A segment's file under another name: the same segment, counted once.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "agent/collect.h"
#include "tests/agent/collect_fixture.h"

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
