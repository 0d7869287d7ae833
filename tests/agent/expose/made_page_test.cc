// A page from snapshots alone: which of two families it shows, which names, and how it is encoded.
#include "agent/expose/made_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/expose/snapshot_builder.h"

namespace notch::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Snapshot counter(SnapshotBuilder& builder, const std::string& name, std::uint64_t value) {
  builder.family(MetricType::kCounter, name);
  builder.row("", {value});
  return builder.snapshot();
}

std::string text_of(const MadePage& page) {
  return std::string(page.body.bytes());
}

class MadePageTest : public ::testing::Test {
 protected:
  SnapshotBuilder first_;
  SnapshotBuilder second_;
};

TEST_F(MadePageTest, OfTwoSourcesWithOneFamilyTheLaterIsShownAndTheOtherTold) {
  const MadePage page =
      make_page({counter(first_, "same_total", 1), counter(second_, "same_total", 2)}, {}, {});
  EXPECT_THAT(text_of(page), HasSubstr("same_total 2\n"));
  ASSERT_EQ(page.dropped.size(), 1U);
  EXPECT_EQ(page.dropped[0].name, "same_total");
  EXPECT_EQ(page.content_encoding, "");
}

TEST_F(MadePageTest, FamiliesThatAreNotNamedAreLeftOut) {
  const MadePage page = make_page({counter(first_, "a_total", 1), counter(second_, "b_total", 2)},
                                  {.names = {"b_total", "nobody"}}, {});
  EXPECT_THAT(text_of(page), HasSubstr("b_total 2\n"));
  EXPECT_THAT(text_of(page), Not(HasSubstr("a_total")));
}

TEST_F(MadePageTest, TheFormatIsTheOneThatWasChosen) {
  const MadePage page =
      make_page({counter(first_, "a_total", 1)}, {.format = Format::kOpenMetrics}, {});
  EXPECT_THAT(text_of(page), HasSubstr("# EOF\n"));
}

TEST_F(MadePageTest, APageThatIsTooShortToCompressIsPlain) {
  const MadePage page = make_page({counter(first_, "a_total", 1)}, {.gzip = true}, {});
  EXPECT_EQ(page.content_encoding, "");
  EXPECT_THAT(text_of(page), HasSubstr("a_total 1\n"));
}

TEST_F(MadePageTest, ALongPageIsCompressedIfItMayBe) {
  first_.family(MetricType::kCounter, "a_total");
  for (int i = 0; i < 100; ++i) first_.row("job=\"" + std::to_string(i) + "\"", {1});
  const MadePage plain = make_page({first_.snapshot()}, {}, {});
  const MadePage small = make_page({first_.snapshot()}, {.gzip = true}, {});
  EXPECT_EQ(small.content_encoding, "gzip");
  EXPECT_THAT(text_of(small), StartsWith("\x1f\x8b"));
  EXPECT_LT(small.body.size(), plain.body.size());
}

TEST_F(MadePageTest, RowsThatNoFormatMayCarryAreCounted) {
  first_.family(MetricType::kCounter, "a_total").number = Number::kFloat;
  first_.row("job=\"1\"", {SnapshotBuilder::bits(1)});
  first_.row("job=\"2\"", {SnapshotBuilder::bits(-1)});
  const MadePage page = make_page({first_.snapshot()}, {}, {});
  EXPECT_EQ(page.counts.dropped_rows, 1U);
}

}  // namespace
}  // namespace notch::agent
