// Rows of series that are not to be shown as zeros: by group, and not a moment longer than
// FORMAT.md says.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "agent/expose/page.h"
#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: the fixture's verbs

class QuietRows : public ::testing::Test {
 protected:
  Tally tally_{TallyOptions{}};
  FakeSegment first_{tally_, 1};
  FakeSegment second_{tally_, 2};

  static shm::FamilyEntry quiet(shm::FamilyEntry entry, std::uint32_t labels) {
    entry.quiet_labels = labels;
    return entry;
  }
  // Calls and their errors, which are one group by `kind`.
  std::pair<std::uint32_t, std::uint32_t> add_calls(FakeSegment& segment, const std::string& kind) {
    const auto calls = segment.define(quiet(counter_entry("calls_total", {"kind"}), 1));
    const auto errors = segment.define(quiet(counter_entry("errors_total", {"kind", "error"}), 1));
    return {segment.add_series(calls, {kind}), segment.add_series(errors, {kind, "full"})};
  }
  bool shows(const std::string& name, const std::string& labels) {
    const Snapshot snapshot = gather(tally_, {&first_, &second_});
    const FamilySnapshot* const family = find_family(snapshot, name);
    const Row* const row = find_row(snapshot, name, labels);
    return row != nullptr && !is_silent(*family, *row);
  }
};

TEST_F(QuietRows, AGroupComesWholeWithItsFirstCount) {
  const auto [calls, errors] = add_calls(first_, "pipe");
  const std::string of_calls = "service=\"shop\",kind=\"pipe\"";
  const std::string of_errors = "service=\"shop\",error=\"full\",kind=\"pipe\"";
  EXPECT_FALSE(shows("calls_total", of_calls));
  EXPECT_FALSE(shows("errors_total", of_errors));
  first_.cells[calls] = 1;
  EXPECT_TRUE(shows("calls_total", of_calls));
  EXPECT_TRUE(shows("errors_total", of_errors)) << "rate() wants the zero before the first error";
  EXPECT_EQ(slot(gather(tally_, {&first_}), "errors_total", of_errors), 0U);
}

TEST_F(QuietRows, AnotherGroupOfTheSameFamiliesStaysAway) {
  const auto [calls, errors] = add_calls(first_, "pipe");
  add_calls(second_, "file");
  first_.cells[errors] = 1;
  EXPECT_TRUE(shows("calls_total", "service=\"shop\",kind=\"pipe\""));
  EXPECT_FALSE(shows("calls_total", "service=\"shop\",kind=\"file\""));
  EXPECT_FALSE(shows("errors_total", "service=\"shop\",error=\"full\",kind=\"file\""));
}

TEST_F(QuietRows, WhatOneProcessCountedShowsTheRowsOfAllAndOutlivesIt) {
  const auto [calls, errors] = add_calls(first_, "pipe");
  first_.cells[calls] = 1;
  EXPECT_TRUE(shows("calls_total", "service=\"shop\",kind=\"pipe\""));
  add_calls(second_, "pipe");
  EXPECT_TRUE(shows("errors_total", "service=\"shop\",error=\"full\",kind=\"pipe\""));
}

TEST_F(QuietRows, HistogramsToo) {
  shm::FamilyEntry entry =
      quiet(histogram_entry("seconds", {1}), 9);  // of no label: a group all the same
  const std::uint32_t cell = first_.add(entry);
  EXPECT_FALSE(shows("seconds", "service=\"shop\""));
  first_.cells[cell + 1] = 1;
  EXPECT_TRUE(shows("seconds", "service=\"shop\""));
}

TEST_F(QuietRows, WhatMayComeBackToZeroIsAlwaysShown) {
  shm::FamilyEntry entry = family_entry(shm::FamilyType::kUpDownCounter, "active", {"kind"});
  entry.number = shm::NumberKind::kSigned;
  const std::uint32_t family = first_.define(quiet(entry, 1));
  first_.add_series(family, {"pipe"});
  EXPECT_TRUE(shows("active", "service=\"shop\",kind=\"pipe\""));
}

TEST_F(QuietRows, ARowThatWasShownStaysWhenAQuietProcessComes) {
  const std::uint32_t loud = first_.define(counter_entry("calls_total", {"kind"}));
  first_.add_series(loud, {"pipe"});
  EXPECT_TRUE(shows("calls_total", "service=\"shop\",kind=\"pipe\""));
  add_calls(second_, "pipe");
  EXPECT_TRUE(shows("calls_total", "service=\"shop\",kind=\"pipe\""));
}

}  // namespace
}  // namespace notch::agent
