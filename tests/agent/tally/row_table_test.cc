// Rows found by their labels, erased, and moved together.
#include "agent/tally/row_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace notch::agent {
namespace {

// Random places of a table that is three quarters full: about 40 for the unluckiest of 65,536 rows.
constexpr std::size_t kLongSearch = 300;

std::string label(int i) {
  return "n=\"" + std::to_string(i) + "\"";
}

TEST(RowTable, FindsEachOfManyRows) {
  RowTable table;
  for (int i = 0; i < 10'000; ++i) table.insert(i % 3 == 0 ? 0U : 1U, label(i), 0);
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(table.find(i % 3 == 0 ? 0U : 1U, label(i)), static_cast<std::uint32_t>(i));
    EXPECT_EQ(table.find(2, label(i)), kNoRow);
  }
}

TEST(RowTable, TellsFamiliesApart) {
  RowTable table;
  table.insert(0, "a", 0);
  EXPECT_EQ(table.find(1, "a"), kNoRow);
}

TEST(RowTable, HasARowWithoutLabels) {
  RowTable table;
  const std::uint32_t row = table.insert(0, "", 0);
  EXPECT_EQ(table.find(0, ""), row);
}

TEST(RowTable, DoesNotFindAnErasedRow) {
  RowTable table;
  table.erase(table.insert(0, "a", 0));
  EXPECT_EQ(table.find(0, "a"), kNoRow);
  EXPECT_EQ(table.find(0, "a"), kNoRow);
  EXPECT_EQ(table.insert(0, "a", 0), 1U);
}

// Toggling bit 62 of one word and bits 62 and 30 of the next cancels out in a hash that multiplies
// by an odd number and folds the upper half onto the lower, whatever its seed is.
TEST(RowTable, NoChosenLabelsMakeSearchesLong) {
  RowTable table;
  for (std::uint32_t bits = 0; bits < 1U << 14; ++bits) {
    std::string labels;
    for (unsigned word = 0; word < 14; ++word) {
      std::string pair(16, '1');
      if ((bits >> word & 1U) != 0) pair[7] = pair[11] = pair[15] = 'q';
      labels += pair;
    }
    table.insert(0, labels, 0);
  }
  EXPECT_LT(table.longest_search(), kLongSearch);
}

TEST(RowTable, NoFamiliesWithOneLabelTextMakeSearchesLong) {
  RowTable table;
  for (std::uint32_t family = 0; family < 20'000; ++family) table.insert(family, "a", 0);
  EXPECT_LT(table.longest_search(), kLongSearch);
}

TEST(RowTable, CompactKeepsOrderAndText) {
  RowTable table;
  for (int i = 0; i < 1'000; ++i) table.insert(0, label(i), static_cast<std::uint32_t>(i));
  const auto old_text = table.arena();
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    if (i % 2 == 0) table.erase(i);
  }
  const auto new_ids = table.compact();
  EXPECT_EQ(new_ids[0], kNoRow);
  EXPECT_EQ(table.size(), 500U);
  for (std::uint32_t i = 1; i < 1'000; i += 2) {
    ASSERT_EQ(new_ids[i], i / 2);
    EXPECT_EQ(table[i / 2].labels(), label(static_cast<int>(i)));
    EXPECT_EQ(table.find(0, label(static_cast<int>(i))), i / 2);
  }
  EXPECT_NE(table.arena(), old_text);
}

}  // namespace
}  // namespace notch::agent
