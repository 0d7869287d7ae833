// What a cell can hold and a page cannot say: it takes its series out, and reaches no sum and no
// ledger. Sums of what is possible stop at the end of their range.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "agent/family/count_limits.h"
#include "agent/tally/tally.h"
#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: the fixture's verbs

using Buckets = std::vector<std::pair<std::int32_t, std::uint64_t>>;
constexpr std::uint64_t kImpossible = std::uint64_t{1} << kBucketBits;

class TallyImpossible : public ::testing::Test {
 protected:
  static Buckets positive(const Snapshot& snapshot) {
    const FamilySnapshot* family = find_family(snapshot, "n");
    return family->natives[family->rows[0].detail].positive;
  }
  Snapshot gather_both() { return gather(tally_, {&honest_, &hostile_}); }

  Tally tally_{TallyOptions{}};
  FakeSegment honest_{tally_, 1};
  FakeSegment hostile_{tally_, 2};
};

// Buckets 2 and 3 of a native histogram, each segment's own.
std::uint32_t add_native(FakeSegment& segment, std::uint64_t two, std::uint64_t three) {
  segment.add(native_entry("n"));
  const std::uint32_t chunk = segment.add_chunk(0, 0);
  segment.cells[chunk + 2] = two;
  segment.cells[chunk + 3] = three;
  return chunk;
}

TEST_F(TallyImpossible, ANativeSeriesStaysAtWhatItHadAdded) {
  const std::uint32_t own = add_native(honest_, 1, 2);
  const std::uint32_t chunk = add_native(hostile_, 10, 20);
  EXPECT_EQ(positive(gather_both()), (Buckets{{2, 11}, {3, 22}}));
  for (const std::uint64_t count : {std::uint64_t{1} << 63U, kImpossible, ~std::uint64_t{0}}) {
    hostile_.cells[chunk + 2] = count;
    EXPECT_EQ(positive(gather_both()), (Buckets{{2, 11}, {3, 22}}));
  }
  EXPECT_EQ(tally_.impossible_series(), 1U);
  tally_.apply_resets(tally_.take_resets());
  // What is mended does not count again, and the others' goes on.
  hostile_.cells[chunk + 2] = 11;
  honest_.cells[own + 2] = 5;
  gather_both();
  EXPECT_EQ(positive(gather_both())[0].second, 15U);
  EXPECT_EQ(tally_.slots_reset(), 0U);
}

TEST_F(TallyImpossible, NothingOfASeriesSeenFirstWithItIsAdded) {
  add_native(honest_, 1, 2);
  add_native(hostile_, 10, kImpossible);
  EXPECT_EQ(positive(gather_both()), (Buckets{{2, 1}, {3, 2}}));
}

TEST_F(TallyImpossible, AClassicSeriesIsLeftOutWithItsSum) {
  const std::uint32_t cell = hostile_.add(histogram_entry("h", {1, 2}));
  hostile_.cells[cell] = ~std::uint64_t{0};
  hostile_.cells[cell + 1] = 2;
  hostile_.set_float(cell + 3, 7);
  const Snapshot snapshot = gather_both();
  for (const std::uint32_t n : {0U, 1U, 2U}) {
    EXPECT_EQ(slot(snapshot, "h", "service=\"shop\"", n), 0U);
  }
  EXPECT_EQ(float_slot(snapshot, "h", "service=\"shop\"", 3), 0);
}

TEST_F(TallyImpossible, TheSegmentsOtherSeriesCountOn) {
  const std::uint32_t before = hostile_.add(counter_entry("a_total"));
  const std::uint32_t h = hostile_.add(histogram_entry("h", {1}));
  const std::uint32_t behind = hostile_.add(counter_entry("b_total"));
  hostile_.cells[before] = hostile_.cells[behind] = ~std::uint64_t{0};  // a counter may say so
  hostile_.cells[h + 1] = kImpossible;
  gather_both();
  const Snapshot snapshot = gather_both();
  EXPECT_EQ(slot(snapshot, "a_total"), ~std::uint64_t{0});
  EXPECT_EQ(slot(snapshot, "b_total"), ~std::uint64_t{0});
}

TEST_F(TallyImpossible, NeighbouringChunksOfOthersCountOn) {
  const std::uint32_t family = hostile_.define([] {
    shm::FamilyEntry entry = native_entry("n");
    entry.label_names = {"x"};
    return entry;
  }());
  for (const char* x : {"1", "2", "3"}) hostile_.add_series(family, {x});
  std::array<std::uint32_t, 3> chunks{};
  for (std::uint32_t i = 0; i < 3; ++i)
    hostile_.cells[chunks[i] = hostile_.add_chunk(i, 0)] = i + 1;
  const std::size_t runs = hostile_.binding().runs.size();
  hostile_.cells[chunks[1] + 5] = kImpossible;
  gather_both();
  hostile_.cells[chunks[1] + 5] = 0;
  hostile_.cells[chunks[2]] = 9;
  const Snapshot snapshot = gather_both();
  const FamilySnapshot* n = find_family(snapshot, "n");
  EXPECT_EQ(n->natives[0].positive, (Buckets{{0, 1}}));
  EXPECT_EQ(n->natives[1].positive, Buckets{});
  EXPECT_EQ(n->natives[2].positive, (Buckets{{0, 9}}));
  EXPECT_GT(hostile_.binding().runs.size(), 0U);
  EXPECT_LE(hostile_.binding().runs.size(), runs + 2);
}

TEST_F(TallyImpossible, NothingOfItIsFolded) {
  const std::uint32_t h = hostile_.add(histogram_entry("h", {1}));
  hostile_.cells[h] = 3;
  hostile_.add(native_entry("n"));
  const std::uint32_t chunk = hostile_.add_chunk(1, -1, true);
  hostile_.cells[hostile_.add(counter_entry("a_total"))] = 4;
  hostile_.cells[chunk] = kImpossible;
  hostile_.cells[h + 1] = kImpossible;
  const FoldDraft draft = tally_.draft_fold(hostile_.binding(), hostile_, {});
  ASSERT_EQ(draft.rows.size(), 1U);
  EXPECT_EQ(draft.changes[0].slots, std::vector<std::uint64_t>{4});
  EXPECT_EQ(tally_.impossible_series(), 2U);
}

TEST_F(TallyImpossible, SumsOfTheLivingStopAtTheEndOfTheirRange) {
  std::vector<std::unique_ptr<FakeSegment>> segments;
  std::vector<FakeSegment*> all;
  for (std::uint32_t i = 0; i < 70; ++i) {
    segments.push_back(std::make_unique<FakeSegment>(tally_, i));
    all.push_back(segments.back().get());
    all.back()->cells[all.back()->add(histogram_entry("h", {1}))] = kImpossible - 1;
    all.back()->cells[all.back()->add(counter_entry("a_total"))] = ~std::uint64_t{0} / 3;
    const Snapshot snapshot = gather(tally_, all);
    const std::uint64_t sum = (i + 1) * (kImpossible - 1);
    EXPECT_EQ(slot(snapshot, "h"), i < 64 ? sum : kMostBucketSum);
    EXPECT_EQ(slot(snapshot, "a_total"), i < 3 ? (i + 1) * (kMostCount / 3) : kMostCount);
  }
  EXPECT_EQ(tally_.reset_count(), 0U);
}

TEST_F(TallyImpossible, UpDownCountersGoThroughZero) {
  shm::FamilyEntry up_down = family_entry(shm::FamilyType::kUpDownCounter, "g");
  up_down.number = shm::NumberKind::kSigned;
  honest_.cells[honest_.add(up_down)] = static_cast<std::uint64_t>(-3);
  hostile_.cells[hostile_.add(up_down)] = 5;
  EXPECT_EQ(slot(gather_both(), "g"), 2U);
}

TEST_F(TallyImpossible, WhatIsCutOffWhileItIsReadAddsNothing) {
  honest_.cells[honest_.add(counter_entry("a_total"))] = 1;
  const std::uint32_t cell = hostile_.add(counter_entry("a_total"));
  hostile_.cells[cell] = 4;
  EXPECT_EQ(slot(gather_both(), "a_total"), 5U);
  hostile_.cells[cell] = 2;  // of what is cut off, some reads as zeros
  hostile_.cut_off = true;
  EXPECT_EQ(slot(gather_both(), "a_total"), 5U);
  const FoldDraft fallen = tally_.take_resets();
  ASSERT_EQ(fallen.changes.size(), 1U);
  EXPECT_EQ(fallen.changes[0].slots[0], 4U) << "all that it had added, so that it can be let go";
}

}  // namespace
}  // namespace notch::agent
