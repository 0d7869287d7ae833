// Series, cells, chunks and families left out at a limit: they come back whole once there is room, and
// what a process had in them when it dies is in its family's total.
#include <gtest/gtest.h>

#include "agent/collect/collect.h"
#include "agent/tally/overflow_labels.h"
#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

// `series` series a_total{x=FIRST...} that count 10 each.
SegmentBuilder builder_of(int first, int series) {
  SegmentBuilder builder(shop_shape());
  const std::uint32_t family = builder.new_family(counter("a_total", {"x"}));
  for (int i = first; i < first + series; ++i) {
    const std::uint32_t id = builder.new_series(family, {std::to_string(i)});
    builder.set_cell(0, builder.first_cell(id), 10);
  }
  return builder;
}

class CollectLeftOut : public CollectTest {
 protected:
  std::uint64_t total(const std::string& name = "a_total") {
    const agent::Snapshot snapshot = gather();
    const agent::FamilySnapshot* family = find_family(snapshot, name);
    std::uint64_t sum = 0;
    if (family == nullptr) return sum;
    for (const agent::Row& row : family->rows) sum += family->slots[row.first_slot];
    return sum;
  }
  std::uint64_t left_out(agent::Conflict reason) {
    return stats().conflicts[static_cast<std::size_t>(reason)];
  }

  agent::CollectOptions options_;
};

TEST_F(CollectLeftOut, SeriesComeBackWholeOnceThereIsRoom) {
  options_.limits.per_uid.series = 6;
  start_agent(options_);
  SegmentFile& first = start_process(builder_of(0, 4));
  start_process(builder_of(10, 5));
  EXPECT_EQ(total(), 60U);
  EXPECT_EQ(left_out(agent::Conflict::kSeriesLimit), 3U);
  sweep();
  EXPECT_EQ(total(), 60U);
  first.die();
  sweep();
  EXPECT_EQ(total(), 90U);
  EXPECT_EQ(stats().series, 5U);
  EXPECT_EQ(left_out(agent::Conflict::kSeriesLimit), 3U) << "counted once";
}

TEST_F(CollectLeftOut, TheSameOfCells) {
  options_.limits.per_uid.cells = 6;
  start_agent(options_);
  SegmentFile& first = start_process(builder_of(0, 4));
  start_process(builder_of(10, 5));
  EXPECT_EQ(total(), 60U);
  first.die();
  sweep();
  EXPECT_EQ(total(), 90U);
}

TEST_F(CollectLeftOut, TheSameOfText) {
  options_.tally.rows.page_bytes_per_uid = 700;
  options_.retention_s = 5;
  start_agent(options_);
  SegmentFile& first = start_process(builder_of(0, 4));
  start_process(builder_of(10, 5));
  const std::uint64_t missing = left_out(agent::Conflict::kPageLimit);
  ASSERT_GT(missing, 0U);
  EXPECT_EQ(total(), 90U - 10 * missing);
  first.die();
  sweep();
  // The dead's labels take room until their retention is over.
  EXPECT_EQ(total(), 90U - 10 * missing);
  pass(10);
  sweep();
  pass(10);
  sweep();
  EXPECT_EQ(total(), 50U);
}

TEST_F(CollectLeftOut, TheSameOfFamilies) {
  options_.tally.families.per_uid = 1;
  options_.retention_s = 5;
  start_agent(options_);
  SegmentFile& first = start_process(1);
  SegmentBuilder builder(shop_shape());
  builder.new_series(builder.new_family(counter("b_total")));
  builder.set_cell(0, builder.first_cell(0), 7);
  start_process(std::move(builder));
  EXPECT_EQ(total("b_total"), 0U);
  EXPECT_EQ(left_out(agent::Conflict::kFamilyLimitPerUser), 1U);
  first.die();
  sweep();
  EXPECT_EQ(total("b_total"), 0U);
  pass(10);
  sweep();
  pass(10);
  sweep();
  EXPECT_EQ(total("b_total"), 7U);
}

TEST_F(CollectLeftOut, ChunksComeBackToo) {
  options_.limits.per_uid.cells = 40;
  start_agent(options_);
  SegmentFile& first = start_process(builder_of(0, 5));
  SegmentBuilder builder(shop_shape());
  const std::uint32_t series = builder.new_series(builder.new_family(native_histogram("h", 3)));
  for (const std::int32_t chunk : {0, 1}) {
    const std::uint32_t cell = builder.new_chunk(series, chunk);
    builder.set_cell(0, cell, 3);
  }
  start_process(std::move(builder));
  EXPECT_GT(left_out(agent::Conflict::kCells), 0U);
  first.die();
  const auto count = [this] {
    std::uint64_t sum = 0;
    const agent::Snapshot snapshot = gather();
    const agent::FamilySnapshot* family = find_family(snapshot, "h");
    for (const agent::Row& row : family->rows) {
      for (const auto& [bucket, n] : family->natives[row.detail].positive) sum += n;
    }
    return sum;
  };
  EXPECT_EQ(count(), 3U);
  sweep();
  EXPECT_EQ(count(), 3U) << "there is still room for one alone";
  segments_.back()->die();
  sweep();
  EXPECT_EQ(count(), 6U) << "the other is in the overflow row";
}

TEST_F(CollectLeftOut, WhatTheDeadHadInThemIsInTheOverflowRow) {
  options_.limits.per_uid.series = 6;
  start_agent(options_);
  start_process(builder_of(0, 4));
  SegmentFile& second = start_process(builder_of(10, 5));
  EXPECT_EQ(total(), 60U);
  second.die();
  sweep();
  EXPECT_EQ(total(), 90U);
  EXPECT_EQ(sum(agent::own_overflow(::geteuid())), 30U);
  start_agent(options_);
  EXPECT_EQ(total(), 90U);
}

}  // namespace
}  // namespace notch::testing
