// Which families may stand in one page, and which of two stays.
#include "agent/expose/merge_families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/expose/snapshot_builder.h"

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MergeFamilies : public ::testing::Test {
 protected:
  SnapshotBuilder& source() { return builders_.emplace_back(); }

  Merged merged() {
    std::vector<Snapshot> snapshots;
    for (const SnapshotBuilder& builder : builders_) snapshots.push_back(builder.snapshot());
    return merge_families(snapshots);
  }

  // Puts the two into one page, the first from an earlier source; true if the second is dropped.
  bool clashes(MetricType type, const std::string& name, MetricType other_type,
               const std::string& other) {
    builders_.clear();
    source().family(type, name);
    source().family(other_type, other);
    const Merged result = merged();
    EXPECT_EQ(result.snapshot.families.size() + result.dropped.size(), 2U);
    return result.dropped.size() == 1 && result.dropped[0].name == other &&
           result.dropped[0].reason == MergeDrop::kClash;
  }

 private:
  std::deque<SnapshotBuilder> builders_;
};

std::vector<std::string> names(const Snapshot& snapshot) {
  std::vector<std::string> result;
  for (const FamilySnapshot& family : snapshot.families) result.push_back(family.family->name);
  return result;
}

TEST_F(MergeFamilies, SortsTheFamiliesOfAllSourcesByName) {
  SnapshotBuilder& first = source();
  first.family(MetricType::kGauge, "c");
  first.family(MetricType::kGauge, "a");
  source().family(MetricType::kGauge, "b");
  const Merged result = merged();
  EXPECT_THAT(names(result.snapshot), ElementsAre("a", "b", "c"));
  EXPECT_THAT(result.dropped, IsEmpty());
}

TEST_F(MergeFamilies, TheEarlierOfTwoWithOneNameStays) {
  source().family(MetricType::kGauge, "x", "first");
  source().family(MetricType::kHistogram, "x", "second");
  const Merged result = merged();
  ASSERT_THAT(result.snapshot.families, SizeIs(1));
  EXPECT_EQ(result.snapshot.families[0].family->help, "first");
  ASSERT_THAT(result.dropped, SizeIs(1));
  EXPECT_EQ(result.dropped[0].name, "x");
  EXPECT_EQ(result.dropped[0].reason, MergeDrop::kDuplicate);
}

TEST_F(MergeFamilies, ACountersNamesAreTakenInOpenMetrics) {
  EXPECT_TRUE(clashes(MetricType::kCounter, "x_total", MetricType::kGauge, "x"));
  EXPECT_TRUE(clashes(MetricType::kCounter, "x_total", MetricType::kGauge, "x_created"));
  EXPECT_TRUE(clashes(MetricType::kGauge, "x", MetricType::kCounter, "x_total"));
  EXPECT_TRUE(clashes(MetricType::kCounter, "x_total", MetricType::kHistogram, "x"));
}

TEST_F(MergeFamilies, AHistogramsNamesAreTaken) {
  EXPECT_TRUE(clashes(MetricType::kHistogram, "x", MetricType::kGauge, "x_count"));
  EXPECT_TRUE(clashes(MetricType::kHistogram, "x", MetricType::kGauge, "x_sum"));
  EXPECT_TRUE(clashes(MetricType::kNativeHistogram, "x", MetricType::kGauge, "x_bucket"));
  EXPECT_TRUE(clashes(MetricType::kUnknown, "x_created", MetricType::kNativeHistogram, "x"));
}

TEST_F(MergeFamilies, LikeNamesThatTakeNothingStayBoth) {
  EXPECT_FALSE(clashes(MetricType::kGauge, "x", MetricType::kGauge, "x_count"));
  EXPECT_FALSE(clashes(MetricType::kCounter, "x_total", MetricType::kGauge, "x_count"));
  EXPECT_FALSE(clashes(MetricType::kHistogram, "x", MetricType::kCounter, "x_y_total"));
}

TEST_F(MergeFamilies, ADroppedFamilyTakesNoNames) {
  source().family(MetricType::kGauge, "x");
  source().family(MetricType::kCounter, "x_total");
  source().family(MetricType::kGauge, "x_created");
  EXPECT_THAT(names(merged().snapshot), ElementsAre("x", "x_created"));
}

TEST_F(MergeFamilies, KeepsWhatTheSourcesPointAtAlive) {
  auto owner = std::make_shared<int>(0);
  Snapshot from;
  from.owners.push_back(owner);
  const Merged result = merge_families(std::span(&from, 1));
  EXPECT_EQ(owner.use_count(), 3);
}

}  // namespace
}  // namespace notch::agent
