// Valid, invalid and overlong sequences.
#include "shm/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace notch::shm {
namespace {

const std::string kBad = "\xEF\xBF\xBD";

TEST(ValidUtf8, KeepsWellFormedTextOfEveryLength) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  EXPECT_EQ(valid_utf8(text), text);
}

TEST(ValidUtf8, KeepsTheEdgesOfTheRanges) {
  for (const std::string text : {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                 "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(valid_utf8(text), text);
  }
}

TEST(ValidUtf8, ReplacesEachByteOfWhatIsMalformed) {
  EXPECT_EQ(valid_utf8("\x80"), kBad);                                   // a tail alone
  EXPECT_EQ(valid_utf8("\xC0\xAF"), kBad + kBad);                        // overlong
  EXPECT_EQ(valid_utf8("\xE0\x9F\xBF"), kBad + kBad + kBad);             // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), kBad + kBad + kBad);             // a surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), kBad + kBad + kBad + kBad);  // past U+10FFFF
  EXPECT_EQ(valid_utf8("\xFF"), kBad);
}

TEST(ValidUtf8, ReplacesASequenceTheEndCutsOff) {
  EXPECT_EQ(valid_utf8("x\xE2\x82"), "x" + kBad + kBad);
  EXPECT_EQ(valid_utf8("\xE2\x82z"), kBad + kBad + "z");
}

}  // namespace
}  // namespace notch::shm
