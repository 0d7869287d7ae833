// Segments that take numbers back, are cut off, or break their catalogue: what was shown stays in
// the sums, once, for as long as the ledger lives.
#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

class CollectFaulty : public CollectTest {
 protected:
  // The last record published becomes a whole one of no length: rule FR1.
  static void break_catalogue(SegmentFile& segment) { segment.publish(8); }

  // One that has counted 10, beside one that has counted 3; both have been seen.
  SegmentFile& start_hostile() {
    start_agent();
    start_process(3);
    SegmentFile& hostile = start_process(10);
    EXPECT_EQ(sum(), 13U);
    return hostile;
  }
};

TEST_F(CollectFaulty, AStepBackIsAReset) {
  SegmentFile& hostile = start_hostile();
  hostile.count(4);
  EXPECT_EQ(sum(), 13U);
  hostile.count(5);
  EXPECT_EQ(sum(), 14U) << "what follows a reset counts";
}

TEST_F(CollectFaulty, AStepBackSurvivesARestart) {
  SegmentFile& hostile = start_hostile();
  hostile.count(4);
  EXPECT_EQ(sum(), 13U);
  start_agent();
  EXPECT_EQ(sum(), 13U);
  start_agent();
  EXPECT_EQ(sum(), 13U);
}

TEST_F(CollectFaulty, AStepBackBeforeADeathSurvivesARestart) {
  SegmentFile& hostile = start_hostile();
  hostile.count(4);
  hostile.die();
  sweep();
  EXPECT_EQ(sum(), 13U);
  start_agent();
  EXPECT_EQ(sum(), 13U);
}

TEST_F(CollectFaulty, WithoutAStepBackNothingIsWritten) {
  start_agent();
  SegmentFile& living = start_process(3);
  gather();
  const std::uint64_t bytes = stats().ledger_bytes;
  living.count(5);
  gather();
  EXPECT_EQ(stats().ledger_bytes, bytes);
  EXPECT_EQ(stats().resets, 0U);
}

TEST_F(CollectFaulty, AStepBackOfADoubleSurvivesARestart) {
  const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  SegmentBuilder builder(shop_shape());
  FamilySpec seconds = counter("busy_seconds_total");
  seconds.number = shm::NumberKind::kFloat;
  builder.new_series(builder.new_family(seconds));
  builder.set_cell(0, builder.first_cell(0), bits(0.3));
  start_agent();
  SegmentFile& hostile = start_process(std::move(builder));
  const double shown = float_slot(gather(), "busy_seconds_total").value();
  hostile.count(bits(0.1));
  EXPECT_EQ(float_slot(gather(), "busy_seconds_total"), shown);
  start_agent();
  const double after = float_slot(gather(), "busy_seconds_total").value();
  EXPECT_GE(after, shown);
  EXPECT_NEAR(after, shown, 1e-12);
}

TEST_F(CollectFaulty, AHistogramCutOffKeepsItsBucketsAndItsSum) {
  SegmentBuilder builder(shop_shape());
  builder.new_series(builder.new_family(histogram("h", {1})));
  builder.set_cell(0, builder.first_cell(0), 2);
  builder.set_cell(0, builder.first_cell(0) + 2, std::bit_cast<std::uint64_t>(1.5));
  start_agent();
  SegmentFile& cut = start_process(std::move(builder));
  EXPECT_EQ(slot(gather(), "h"), 2U);
  cut.cut(4096);
  for (int run = 0; run < 2; ++run) {
    const agent::Snapshot snapshot = gather();
    EXPECT_EQ(slot(snapshot, "h"), 2U);
    EXPECT_EQ(float_slot(snapshot, "h", kShop, 2), 1.5);
    start_agent();
  }
}

TEST_F(CollectFaulty, ANativeHistogramsStepBackSurvivesARestart) {
  SegmentBuilder builder(shop_shape());
  builder.new_series(builder.new_family(native_histogram("n", 3)));
  const std::uint32_t chunk = builder.new_chunk(0, -1, false);
  builder.set_cell(0, chunk + 31, 5);
  start_agent();
  SegmentFile& hostile = start_process(std::move(builder));
  const auto count = [this] {
    const agent::Snapshot snapshot = gather();
    const agent::FamilySnapshot* family = find_family(snapshot, "n");
    return family->natives[0].positive;
  };
  const auto before = count();
  ASSERT_EQ(before.size(), 1U);
  hostile.set_cell(chunk + 31, 2);
  EXPECT_EQ(count(), before);
  start_agent();
  EXPECT_EQ(count(), before);
}

TEST_F(CollectFaulty, ASegmentCutOffIsFoldedOnce) {
  start_agent();
  SegmentFile& other = start_process(3);
  SegmentFile& cut = start_process(4);
  EXPECT_EQ(sum(), 7U);
  cut.cut(4096);
  EXPECT_EQ(sum(), 7U);
  other.count(4);
  EXPECT_EQ(sum(), 8U) << "the others need not make up for it first";
  start_agent();
  EXPECT_EQ(sum(), 8U);
}

// Else the agent would pay for the pages it reads there, at every gather anew.
TEST_F(CollectFaulty, ASegmentWhoseMemoryWasGivenBackIsLetGoAndTheSumDoesNotFall) {
  start_agent();
  start_process(3);
  SegmentFile& punched = start_process(4);
  EXPECT_EQ(sum(), 7U);
  punched.punch();
  sweep();
  EXPECT_EQ(sum(), 7U);
  EXPECT_EQ(stats().rejected.at("not_backed"), 1U);
  EXPECT_EQ(stats().live_segments, 1U);
}

TEST_F(CollectFaulty, ABrokenCatalogueIsFoldedWithWhatItsCellsSay) {
  start_agent();
  SegmentFile& other = start_process(3);
  SegmentFile& broken = start_process(4);
  EXPECT_EQ(sum(), 7U);
  other.count(13);
  broken.count(104);
  break_catalogue(broken);
  EXPECT_EQ(sum(), 117U);
  EXPECT_EQ(stats().rejected.at("bad_record"), 1U);
  EXPECT_EQ(stats().live_segments, 1U);
  EXPECT_EQ(stats().resets, 0U);
  EXPECT_FALSE(directory_.has(broken.name()));
  start_agent();
  EXPECT_EQ(sum(), 117U);
}

TEST_F(CollectFaulty, ABrokenCatalogueOfADeadSegmentIsFoldedToo) {
  start_agent();
  SegmentFile& broken = start_process(4);
  EXPECT_EQ(sum(), 4U);
  broken.count(5);
  break_catalogue(broken);
  broken.die();
  sweep();
  EXPECT_EQ(sum(), 5U);
  EXPECT_FALSE(directory_.has(broken.name()));
}

TEST_F(CollectFaulty, TheMessageNamesTheFileAndWhatItGotAndWanted) {
  start_agent();
  SegmentBuilder builder = SegmentFile::builder_with(1);
  builder.header().major = 2;
  directory_.write("new\n.notch", builder.bytes());
  collect_->add(std::vector<std::string>{"new\n.notch"}, now_);
  EXPECT_EQ(stats().rejected_message,
            "new?.notch is left out: newer_version (major is 2, wanted 1)");
}

TEST_F(CollectFaulty, OneThatIsBeingBuiltIsTakenOnceItIsWhole) {
  start_agent();
  const SegmentBuilder whole = SegmentFile::builder_with(5);
  std::vector<std::byte> bytes(whole.bytes().begin(), whole.bytes().end());
  directory_.write("s.notch", bytes);
  const int file = ::open(directory_.path("s.notch").c_str(), O_RDWR | O_CLOEXEC);
  void* map = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ASSERT_NE(map, MAP_FAILED);
  auto* magic = static_cast<std::uint64_t*>(map);
  *magic = 0;
  collect_->add(std::vector<std::string>{"s.notch"}, now_);
  EXPECT_EQ(stats().rejected.at("being_built"), 1U);
  *magic = shm::kMagic;  // through a map, which no time stamp tells of
  pass(60);
  sweep();
  EXPECT_EQ(sum(), 5U);
  EXPECT_EQ(stats().rejected.at("being_built"), 1U);
  ::munmap(map, bytes.size());
  ::close(file);
}

TEST_F(CollectFaulty, WhatWasNeverShownIsLeftOutWhole) {
  SegmentFile& broken = start_process(4);
  break_catalogue(broken);
  start_agent();
  EXPECT_EQ(sum(), 0U);
  EXPECT_EQ(stats().rejected.at("bad_record"), 1U);
  EXPECT_TRUE(directory_.has(broken.name()));
}

}  // namespace
}  // namespace notch::testing
