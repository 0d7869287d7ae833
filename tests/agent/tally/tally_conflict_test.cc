// Definitions of one name that differ: the first in force wins, and yields when nobody uses it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "agent/tally/tally.h"
#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: the fixture's verbs

struct Clash {
  std::string what;
  shm::FamilyEntry first;
  shm::FamilyEntry second;
  Conflict conflict;
};

std::vector<Clash> clashes() {
  shm::FamilyEntry float_counter = counter_entry("a_total");
  float_counter.number = shm::NumberKind::kFloat;
  shm::FamilyEntry native = family_entry(shm::FamilyType::kNativeHistogram, "h");
  shm::FamilyEntry finer = native;
  finer.schema = 3;
  shm::FamilyEntry wider = native;
  wider.zero_threshold = 0.5;
  shm::FamilyEntry up_down = family_entry(shm::FamilyType::kUpDownCounter, "g");
  up_down.number = shm::NumberKind::kSigned;
  using enum shm::GaugeMode;
  return {
      {"type", counter_entry("a_total"), gauge_entry("a_total", kSum), Conflict::kType},
      {"number", counter_entry("a_total"), float_counter, Conflict::kNumber},
      {"up-down and gauge", up_down, gauge_entry("g", kSum), Conflict::kNumber},
      {"gauge mode", gauge_entry("g", kMin), gauge_entry("g", kMax), Conflict::kGaugeMode},
      {"bounds", histogram_entry("h", {1}), histogram_entry("h", {1, 2}), Conflict::kBounds},
      {"histogram kinds", histogram_entry("h", {1}), native, Conflict::kType},
      {"schema", native, finer, Conflict::kSchema},
      {"zero threshold", native, wider, Conflict::kSchema},
  };
}

void set(FakeSegment& segment, const shm::FamilyEntry& entry, double value) {
  const std::uint32_t cell = segment.add(entry);
  if (entry.type == shm::FamilyType::kGauge) {
    segment.set_gauge(cell, value);
  } else {
    segment.cells[cell] = static_cast<std::uint64_t>(value);
  }
}

TEST(TallyConflict, TheFirstInForceWins) {
  for (const Clash& clash : clashes()) {
    Tally tally{TallyOptions{}};
    FakeSegment first(tally, 1);
    FakeSegment second(tally, 2);
    set(first, clash.first, 1);
    set(second, clash.second, 100);
    EXPECT_EQ(second.left_out(clash.conflict), 1U) << clash.what;
    const Snapshot snapshot = gather(tally, {&first, &second});
    EXPECT_EQ(snapshot.families.size(), 1U) << clash.what;
    EXPECT_EQ(slot(snapshot, clash.first.name), first.cells[0]) << clash.what;
    EXPECT_FALSE(second.binding().challenges.empty()) << clash.what;
  }
}

TEST(TallyConflict, OtherWordsMergeUnderTheFirst) {
  Tally tally{TallyOptions{}};
  FakeSegment first(tally, 1);
  FakeSegment second(tally, 2);
  first.cells[first.add(counter_entry("a_total"))] = 1;
  shm::FamilyEntry other = counter_entry("a_total", {"x"});
  other.help = "Other words.";
  const std::uint32_t family = second.define(other);
  second.cells[second.add_series(family, {""})] = 2;
  second.add_series(family, {"1"});
  EXPECT_EQ(second.left_out(Conflict::kHelp), 1U) << "once per segment";
  const Snapshot snapshot = gather(tally, {&first, &second});
  EXPECT_EQ(slot(snapshot, "a_total"), 3U);
  EXPECT_EQ(find_family(snapshot, "a_total")->family->help, "Help.");
}

TEST(TallyConflict, AContestedDefinitionYieldsOnceNobodyUsesIt) {
  Tally tally{TallyOptions{}};
  FakeSegment first(tally, 1);
  first.add(histogram_entry("h", {1}));
  FakeSegment second(tally, 2);
  second.add(histogram_entry("h", {2}));
  EXPECT_FALSE(tally.yield_contested());
  first.end();
  EXPECT_TRUE(tally.yield_contested());
  EXPECT_FALSE(tally.yield_contested());
  EXPECT_EQ(tally.rows(), 0U);
  FakeSegment again(tally, 2);
  again.add(histogram_entry("h", {2}));
  EXPECT_TRUE(again.binding().challenges.empty());
}

TEST(TallyConflict, AContestedGaugeYieldsThoughItsRowsLeaveAtOnce) {
  Tally tally{TallyOptions{}};
  FakeSegment first(tally, 1);
  first.add(gauge_entry("g", shm::GaugeMode::kMin));
  FakeSegment second(tally, 2);
  second.add(gauge_entry("g", shm::GaugeMode::kMax));
  first.end();
  EXPECT_TRUE(tally.yield_contested());
}

TEST(TallyConflict, ADefinitionOfTheDeadStandsUnlessContested) {
  Tally tally{TallyOptions{}};
  FakeSegment first(tally, 1);
  first.add(counter_entry("a_total"));
  first.end();
  EXPECT_FALSE(tally.yield_contested());
  EXPECT_EQ(tally.rows(), 1U);
}

TEST(TallyConflict, FamiliesAreLimited) {
  Tally tally{TallyOptions{.families = {.families = 2, .per_uid = 2}}};
  FakeSegment segment(tally, 1);
  for (const char* name : {"a_total", "b_total", "c_total"}) segment.add(counter_entry(name));
  EXPECT_EQ(tally.rows(), 2U);
  EXPECT_EQ(segment.left_out(Conflict::kFamilyLimitPerUser), 1U);
  segment.end();
}

}  // namespace
}  // namespace notch::agent
