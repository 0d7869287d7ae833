// The probes' families as a snapshot: order, values, native histograms.
#include "agent/kernel/kernel_snapshot.h"

#include <gtest/gtest.h>

#include <bit>

namespace notch::agent {
namespace {

using ebpf::FamilyType;
using ebpf::KernelFamily;

TEST(KernelSnapshot, SortsFamiliesRowsAndLabels) {
  const Snapshot snapshot = kernel_snapshot({
      {"z_total",
       "Z.",
       "",
       FamilyType::kCounter,
       {{{{"b", "2"}, {"a", "\"q\""}}, 3, {}}, {{{"a", "1"}}, 4, {}}}},
      {"a_up", "A.", "", FamilyType::kGauge, {{{}, 1, {}}}},
      {"empty_total", "E.", "", FamilyType::kCounter, {}},
  });
  ASSERT_EQ(snapshot.families.size(), 2U);
  EXPECT_EQ(snapshot.families[0].family->name, "a_up");
  EXPECT_EQ(snapshot.families[0].slots[0], ~std::bit_cast<std::uint64_t>(1.0));
  const FamilySnapshot& z = snapshot.families[1];
  ASSERT_EQ(z.rows.size(), 2U);
  EXPECT_EQ(z.rows[0].labels, R"(a="1")");
  EXPECT_EQ(z.rows[1].labels, R"(a="\"q\"",b="2")");
  EXPECT_EQ(std::bit_cast<double>(z.slots[z.rows[1].first_slot]), 3.0);
}

TEST(KernelSnapshot, ShowsHistogramsAsNativeOnes) {
  const Snapshot snapshot = kernel_snapshot({{"wait_seconds",
                                              "W.",
                                              "seconds",
                                              FamilyType::kHistogram,
                                              {{{}, 0, {2, 1.5, {{-3, 4}, {1, 1}}}}}}});
  const FamilySnapshot& family = snapshot.families.at(0);
  EXPECT_EQ(family.family->type, MetricType::kNativeHistogram);
  EXPECT_EQ(family.family->schema, 2);
  EXPECT_EQ(family.family->zero_threshold, 0x1p-22);
  const NativeValue& value = family.natives[family.rows[0].detail];
  EXPECT_EQ(value.zero_count, 2U);
  EXPECT_EQ(value.sum, 1.5);
  EXPECT_EQ(value.positive.size(), 2U);
}

}  // namespace
}  // namespace notch::agent
