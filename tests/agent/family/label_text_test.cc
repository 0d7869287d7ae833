// Labels as text and back.
#include "agent/family/label_text.h"

#include <gtest/gtest.h>

#include <map>

namespace notch::agent {
namespace {

using Labels = std::map<std::string, std::string>;

Labels read(std::string_view text) {
  Labels labels;
  LabelReader reader(text);
  while (reader.next()) labels.emplace(reader.name(), reader.value());
  EXPECT_FALSE(reader.failed()) << text;
  return labels;
}

bool is_refused(std::string_view text) {
  LabelReader reader(text);
  while (reader.next()) {
  }
  return reader.failed();
}

TEST(LabelText, EscapesBackslashQuoteAndLineFeed) {
  std::string text;
  append_label(text, "a", "1\\2\"3\n4");
  append_label(text, "b", "");
  EXPECT_EQ(text, "a=\"1\\\\2\\\"3\\n4\"");
}

TEST(LabelText, ReplacesInvalidUtf8) {
  std::string text;
  append_label(text, "a", "x\x80");
  EXPECT_EQ(text, "a=\"x\xEF\xBF\xBD\"");
}

TEST(LabelText, ReadsBackWhatWasAppended) {
  const Labels labels{{"a", "x=\",y=\"}"}, {"b", "\\n\n\\\""}, {"d", "\xC3\xA4"}};
  std::string text;
  for (const auto& [name, value] : labels) append_label(text, name, value);
  EXPECT_EQ(read(text), labels);
}

TEST(LabelText, ReadsNoLabels) {
  EXPECT_EQ(read(""), Labels());
}

TEST(LabelText, RefusesTextInAnotherForm) {
  EXPECT_TRUE(is_refused("a"));
  EXPECT_TRUE(is_refused("=\"x\""));
  EXPECT_TRUE(is_refused("a=\"x"));
  EXPECT_TRUE(is_refused("a=\"x\\"));
  EXPECT_TRUE(is_refused("a=\"x\\\""));
  EXPECT_TRUE(is_refused("a=\"x\","));
  EXPECT_TRUE(is_refused("a=\"x\" b=\"y\""));
}

}  // namespace
}  // namespace notch::agent
