// The label `service` in a row's text, and rows that get another.
#include "agent/services/service_label.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "agent/family/label_text.h"

namespace notch::agent {
namespace {

std::string renamed(const std::vector<ServiceRename>& renames, const std::string& labels) {
  std::string text;
  return LabelRenames(renames).apply(labels, text) ? text : "";
}

TEST(ServiceLabel, IsTheFirst) {
  EXPECT_EQ(service_label(R"(service="shop",x="1")"), R"(service="shop")");
  EXPECT_EQ(service_label(R"(service="shop")"), R"(service="shop")");
  EXPECT_EQ(service_label(R"(overflow="true")"), "");
  EXPECT_EQ(service_label(R"(x="1",service="shop")"), "");
  EXPECT_EQ(service_label(R"(service="shop)"), "");
}

TEST(ServiceLabel, EndsWhereItsValueDoes) {
  for (const std::string name : {R"(a"b)", R"(a\)", R"(\")", "a\nb", R"(a",x="1)"}) {
    const std::string label = service_label_of(name);
    EXPECT_EQ(service_label(label + R"(,x="1")"), label);
    LabelReader reader(label);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.value(), name);
  }
}

TEST(ServiceLabel, IsRenamedWholeAndAlone) {
  const std::vector<ServiceRename> renames = {{"jobs", "jobs@7"}};
  EXPECT_EQ(renamed(renames, R"(service="jobs")"), R"(service="jobs@7")");
  EXPECT_EQ(renamed(renames, R"(service="jobs",x="jobs")"), R"(service="jobs@7",x="jobs")");
  EXPECT_EQ(renamed(renames, R"(service="jobs2",x="1")"), "");
  EXPECT_EQ(renamed(renames, R"(service="a",x=",service=\"jobs\"")"), "");
}

TEST(ServiceLabel, TwoMayChangeTheirNamesWithEachOther) {
  const std::vector<ServiceRename> renames = {{"jobs", "jobs@7"}, {"jobs@9", "jobs"}, {"gone", ""}};
  EXPECT_EQ(renamed(renames, R"(service="jobs")"), R"(service="jobs@7")");
  EXPECT_EQ(renamed(renames, R"(service="jobs@9")"), R"(service="jobs")");
  EXPECT_EQ(renamed(renames, R"(service="gone")"), "");
  std::map<std::string, int> by_service = {{"jobs", 1}, {"jobs@9", 2}, {"gone", 3}, {"other", 4}};
  rename_keys(renames, by_service);
  EXPECT_EQ(by_service, (std::map<std::string, int>{{"jobs@7", 1}, {"jobs", 2}, {"other", 4}}));
}

}  // namespace
}  // namespace notch::agent
