// The table of what a row consists of, against the cells of the series that the row is the sum of.
#include "agent/family/row_slots.h"

#include <gtest/gtest.h>

#include <vector>

#include "agent/family/metric_names.h"
#include "shm/series_cells.h"
#include "tests/agent/tally/fake_segment.h"

namespace notch::agent {
namespace {

using namespace testing;  // NOLINT: entries

shm::FamilyEntry with_number(shm::FamilyEntry entry, shm::NumberKind number) {
  entry.number = number;
  return entry;
}

TEST(RowSlots, ARowHasASlotForEachCellOfItsSeries) {
  const shm::FamilyEntry up_down = family_entry(shm::FamilyType::kUpDownCounter, "queue");
  const std::vector<shm::FamilyEntry> entries = {
      counter_entry("a_total"),
      with_number(counter_entry("a_total"), shm::NumberKind::kFloat),
      with_number(up_down, shm::NumberKind::kSigned),
      with_number(up_down, shm::NumberKind::kFloat),
      gauge_entry("a", shm::GaugeMode::kMin),
      gauge_entry("a", shm::GaugeMode::kEach),
      gauge_entry("a", shm::GaugeMode::kLast),
      histogram_entry("a", {}),
      histogram_entry("a", {0.5, 1, 2}),
      native_entry("a")};
  for (const shm::FamilyEntry& entry : entries) {
    const JudgedFamily judged = judge_family(entry, false);
    ASSERT_EQ(judged.fault, Conflict::kNone);
    EXPECT_EQ(slot_count(judged.family),
              shm::series_cells(entry.type, entry.gauge_mode, entry.bounds.size()))
        << "of type " << static_cast<int>(entry.type);
  }
}

TEST(RowSlots, AGaugeOfIntegersIsNoPairWhateverItsMode) {
  Family family;
  family.type = MetricType::kGauge;
  family.number = Number::kSigned;
  family.combine = Combine::kLast;
  EXPECT_EQ(slot_count(family), 1U);
  EXPECT_EQ(row_parts(family).kind, SlotKind::kSigned);
  EXPECT_FALSE(row_parts(family).outlives);
}

}  // namespace
}  // namespace notch::agent
