// What rows take up, what a user may have, and who is to make room: by values.
#include "agent/tally/row_quota.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "agent/expose/page.h"
#include "agent/tally/tally.h"
#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: the fixture's verbs

constexpr std::uint32_t kOne = 61001;
constexpr std::uint32_t kOther = 61002;

class RowQuotaTest : public ::testing::Test {
 protected:
  void take(std::uint32_t uid, std::uint64_t dead_rows, std::uint64_t ledger_bytes = 0) {
    quota_.change(uid, {}, {0, dead_rows, ledger_bytes});
  }

  RowQuota quota_{{.page_bytes = 100,
                   .page_bytes_per_uid = 60,
                   .dead_rows = 100,
                   .dead_rows_per_uid = 60,
                   .ledger_bytes = 1000,
                   .ledger_bytes_per_uid = 600}};
};

TEST_F(RowQuotaTest, OneUsersDeadTakeNoOthersRoom) {
  take(kOne, 60);
  EXPECT_FALSE(quota_.takes_dead(kOne, 1));
  EXPECT_TRUE(quota_.takes_dead(kOther, 1));
  take(kOther, 0, 600);
  EXPECT_FALSE(quota_.takes_dead(kOther, 1));
  EXPECT_FALSE(quota_.excess());
}

TEST_F(RowQuotaTest, WhereAllAreFullWhoHasMostMakesRoom) {
  take(kOne, 60);
  take(kOther, 40);
  EXPECT_FALSE(quota_.takes_dead(kOne, 1));
  EXPECT_TRUE(quota_.takes_dead(kOther, 1));
  take(kOther, 1);
  const auto excess = quota_.excess();
  ASSERT_TRUE(excess);
  EXPECT_EQ(excess->account, kOne);
  EXPECT_EQ(excess->surplus, (RowUsage{0, 1 + 100 / 20, 0}));
}

TEST_F(RowQuotaTest, TheSameOfTheLedgersBytes) {
  take(kOne, 1, 600);
  take(kOther, 50, 390);
  EXPECT_TRUE(quota_.takes_dead(kOther, 20));
  take(kOther, 1, 20);
  EXPECT_EQ(quota_.excess()->account, kOne);
  EXPECT_EQ(quota_.excess()->surplus, (RowUsage{0, 0, 10 + 1000 / 20}));
}

TEST_F(RowQuotaTest, WhoIsPastHisOwnLimitMakesRoomFirst) {
  take(kOne, 50);
  take(kOther, 20, 700);
  EXPECT_EQ(quota_.excess()->account, kOther);
}

TEST_F(RowQuotaTest, NobodysRowsMayBeHalfOfAll) {
  RowQuota quota({.dead_rows = 100, .dead_rows_per_uid = 10});
  quota.change(kUnknownOwner, {}, {0, 49, 0});
  EXPECT_TRUE(quota.takes_dead(kUnknownOwner, 1));
  quota.change(kUnknownOwner, {}, {0, 1, 0});
  EXPECT_FALSE(quota.takes_dead(kUnknownOwner, 1));
}

TEST_F(RowQuotaTest, TextIsLimitedForEachUserAndInAll) {
  EXPECT_EQ(quota_.page_bytes_left(kOne), 60U);
  quota_.change(kOne, {}, {50, 0, 0});
  EXPECT_EQ(quota_.page_bytes_left(kOne), 10U);
  EXPECT_EQ(quota_.page_bytes_left(kOther), 50U);
  quota_.change(kOne, {50, 0, 0}, {});
  EXPECT_EQ(quota_.page_bytes_left(kOne), 60U);
  EXPECT_EQ(quota_.total(), RowUsage());
}

// RQ2, with the longest numbers there are.
class PageBytes : public ::testing::TestWithParam<shm::FamilyEntry> {};

TEST_P(PageBytes, AreNoFewerThanAnyTextNeeds) {
  Tally tally{TallyOptions{}};
  FakeSegment segment(tally);
  shm::FamilyEntry entry = GetParam();
  entry.label_names = {"x"};
  const std::uint32_t family = segment.define(entry);
  const bool is_native = entry.type == shm::FamilyType::kNativeHistogram;
  for (const char* x : {"short", "with \"quotes\"\nand \\ more of the same"}) {
    const std::uint32_t first = segment.add_series(family, {x});
    if (entry.type == shm::FamilyType::kGauge) {
      segment.set_gauge(first, -1.7976931348623157e+308);
      continue;
    }
    for (std::size_t i = first; i < segment.cells.size(); ++i) segment.cells[i] = UINT64_MAX >> 8;
    if (is_native || entry.type == shm::FamilyType::kHistogram) {
      segment.set_float(static_cast<std::uint32_t>(segment.cells.size() - 1),
                        -1.7976931348623157e+308);
    }
  }
  if (is_native) {
    for (const std::int32_t chunk : {-40, 0, 12}) {
      for (const bool negative : {false, true}) {
        const std::uint32_t first = segment.add_chunk(0, chunk, negative);
        for (std::uint32_t i = 0; i < shm::kChunkBuckets; ++i) segment.cells[first + i] = 1U << 30;
      }
    }
  }
  const Snapshot snapshot = gather(tally, {&segment});
  for (const Format format : {Format::kText, Format::kOpenMetrics}) {
    const Page page = write_page(snapshot, format);
    const std::string text(page.body.bytes());
    std::uint64_t bytes = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at) + 1;
      if (text[at] != '#') bytes += end - at;
      at = end;
    }
    EXPECT_GT(bytes, 0U);
    EXPECT_LE(bytes, tally.usage().page_bytes);
  }
}

shm::FamilyEntry native_entry(std::int8_t schema) {
  shm::FamilyEntry entry = family_entry(shm::FamilyType::kNativeHistogram, "h");
  entry.schema = schema;
  entry.zero_threshold = 2.2250738585072014e-308;
  return entry;
}

INSTANTIATE_TEST_SUITE_P(
    All, PageBytes,
    ::testing::Values(counter_entry("a_total"), gauge_entry("g", shm::GaugeMode::kSum),
                      histogram_entry("h", {-2.2250738585072014e-308, 1, 1.7976931348623157e+308}),
                      histogram_entry("h", {}), native_entry(8), native_entry(3), native_entry(0),
                      native_entry(-4)));

}  // namespace
}  // namespace notch::agent
