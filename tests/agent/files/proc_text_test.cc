// Small texts of /proc: numbers off the front, lines, whole files.
#include "agent/files/proc_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string_view line : ProcLines(text)) lines.emplace_back(line);
  return lines;
}

TEST(TakeNumber, TakesBlanksAndTheNumberOffTheFront) {
  std::string_view text = " \t17 kB";
  EXPECT_EQ(take_number(text), 17U);
  EXPECT_EQ(text, " kB");
}

TEST(TakeNumber, TakesOneAfterAnother) {
  std::string_view text = "1  2";
  EXPECT_EQ(take_number(text), 1U);
  EXPECT_EQ(take_number(text), 2U);
  EXPECT_EQ(take_number(text), std::nullopt);
}

TEST(TakeNumber, TakesAllOf64BitsAndNoMore) {
  std::string_view most = "18446744073709551615";
  EXPECT_EQ(take_number(most), UINT64_MAX);
  std::string_view over = "18446744073709551616";
  EXPECT_EQ(take_number(over), std::nullopt);
}

TEST(TakeNumber, LeavesTheTextWhenThereIsNone) {
  for (const std::string_view none : {"", "   ", "kB", "-1", "\n1"}) {
    std::string_view text = none;
    EXPECT_EQ(take_number(text), std::nullopt) << none;
    EXPECT_EQ(text, none);
  }
}

TEST(ProcLines, GivesEachLineWithoutItsEnd) {
  EXPECT_THAT(lines_of("a\nbc\nd"), ElementsAre("a", "bc", "d"));
}

TEST(ProcLines, ALastLineEndBeginsNoLine) {
  EXPECT_THAT(lines_of("a\n"), ElementsAre("a"));
  EXPECT_THAT(lines_of(""), IsEmpty());
}

TEST(ProcLines, EmptyLinesInTheMiddleAreLines) {
  EXPECT_THAT(lines_of("\na\n\nb\n"), ElementsAre("", "a", "", "b"));
}

TEST(ReadProc, ReadsAFileOfNoSizeWhole) {
  EXPECT_THAT(read_proc("/proc/self/stat"), ::testing::EndsWith("\n"));
}

TEST(ReadProc, IsEmptyForWhatCannotBeRead) {
  EXPECT_EQ(read_proc("/nonexistent"), "");
  EXPECT_EQ(read_proc("/proc/self"), "");
}

}  // namespace
}  // namespace notch::agent
