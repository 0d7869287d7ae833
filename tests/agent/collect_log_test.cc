// How often a message that changes is a line of the log.
#include "agent/collect_log.h"

#include <gtest/gtest.h>

namespace notch::agent {
namespace {

TEST(ChangingLine, AMessageIsALineOnceAndTheNextOneWaitsForThePause) {
  ChangingLine line(10);
  EXPECT_FALSE(line.is_due("", 100)) << "nothing has happened yet";
  EXPECT_TRUE(line.is_due("a is no segment", 100));
  EXPECT_FALSE(line.is_due("a is no segment", 200));
  EXPECT_TRUE(line.is_due("b is no segment", 200));
  EXPECT_FALSE(line.is_due("c is no segment", 209));
  EXPECT_TRUE(line.is_due("d is no segment", 210)) << "the last one of those that waited";
}

}  // namespace
}  // namespace notch::agent
