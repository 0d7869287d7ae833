// How much of a user's is bound anew: by values, and of segments that want it.
#include "agent/collect/anew_budget.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

using agent::AnewBudget;

constexpr std::uint32_t kUser = 65'534;
constexpr std::uint32_t kOther = 65'533;
constexpr std::uint64_t kRate = AnewBudget::kPerSecond;

TEST(AnewBudgetTest, HoldsUpWhoHasSpentUntilTheTimeHasPassed) {
  AnewBudget budget;
  budget.begin_sweep(100);
  EXPECT_TRUE(budget.allows(kUser));
  budget.spend(kUser, kRate - 1);
  EXPECT_TRUE(budget.allows(kUser)) << "a second's worth at once";
  budget.spend(kUser, 2 * kRate);
  EXPECT_FALSE(budget.allows(kUser));
  EXPECT_TRUE(budget.allows(kOther));
  budget.begin_sweep(100);
  EXPECT_FALSE(budget.allows(kUser)) << "no time has passed";
  budget.begin_sweep(101);
  EXPECT_FALSE(budget.allows(kUser));
  budget.begin_sweep(102);
  EXPECT_TRUE(budget.allows(kUser));
}

TEST(AnewBudgetTest, LimitsASweepOfAll) {
  AnewBudget budget;
  budget.begin_sweep(100);
  budget.spend(kUser, AnewBudget::kPerSweep);
  EXPECT_TRUE(budget.is_sweep_over());
  EXPECT_FALSE(budget.allows(kOther));
  budget.begin_sweep(100);
  EXPECT_TRUE(budget.allows(kOther));
}

TEST(AnewBudgetTest, CountsTextAsWork) {
  agent::Binding binding;
  const std::uint64_t nothing = agent::binding_work(binding);
  binding.left_out.page_bytes = std::uint64_t{1} << 30;
  EXPECT_GT(agent::binding_work(binding), nothing + kRate);
}

class CollectAnew : public CollectTest {
 protected:
  static constexpr int kSeries = static_cast<int>(kRate) * 3 / 5;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    start_agent(options_);
  }

  static SegmentBuilder builder_of(std::uint32_t uid, std::uint64_t catalogue_bytes = 16'384,
                                   std::uint64_t cells = 512) {
    SegmentShape shape;
    shape.uid = uid;
    shape.service = "user";
    shape.columns = 1;
    shape.catalogue_bytes = catalogue_bytes;
    shape.cells = cells;
    return SegmentBuilder(shape);
  }
  // A process with a counter of this name, which has counted nothing.
  SegmentFile& holder(std::uint32_t uid, const std::string& name) {
    SegmentBuilder builder = builder_of(uid);
    builder.new_series(builder.new_family(counter(name)));
    return start_process(std::move(builder), uid);
  }
  // One with a gauge of 1 of this name, and as many series more.
  SegmentFile& wants(std::uint32_t uid, const std::string& name, int series) {
    SegmentBuilder builder = builder_of(uid, std::uint64_t{4} << 20, 1U << 16);
    builder.new_series(builder.new_family(gauge(name, shm::GaugeMode::kSum)));
    builder.set_gauge(builder.first_cell(0), 1);
    const std::uint32_t family = builder.new_family(counter("many_total", {"x"}));
    for (int i = 0; i < series; ++i) builder.new_series(family, {std::to_string(i)});
    return start_process(std::move(builder), uid);
  }
  double shown(const std::string& name, const std::string& service) {
    return testing::gauge(gather(), name, "service=\"" + service + "\"").value_or(0);
  }

  agent::CollectOptions options_;
};

TEST_F(CollectAnew, NamesThatBecomeFreeAreTakenAFewSegmentsAtATimeAndAnothersAtOnce) {
  SegmentFile& held = holder(kUser, "a_total");
  SegmentFile& others = holder(kOther, "b_total");
  for (int i = 0; i < 3; ++i) wants(kUser, "a_total", kSeries);
  wants(kOther, "b_total", 1);
  held.die();
  others.die();
  sweep();
  EXPECT_EQ(shown("a_total", "user"), 2);
  EXPECT_EQ(shown("b_total", "user@65533"), 1);
  sweep();
  EXPECT_EQ(shown("a_total", "user"), 2) << "no time has passed";
  pass(1);
  sweep();
  EXPECT_EQ(shown("a_total", "user"), 3);
}

TEST_F(CollectAnew, RoomThatComesAgainIsTakenAFewSegmentsAtATime) {
  options_.tally.families.per_uid = 4;
  start_agent(options_);
  SegmentBuilder three = builder_of(kUser);
  for (const char* name : {"a", "b", "c"}) {
    three.new_series(three.new_family(gauge(name, shm::GaugeMode::kSum)));
  }
  SegmentFile& first = start_process(std::move(three), kUser);
  holder(kUser, "many_total");
  for (const char* name : {"d", "e", "f"}) wants(kUser, name, kSeries);
  const auto back = [this] { return shown("d", "user") + shown("e", "user") + shown("f", "user"); };
  EXPECT_EQ(back(), 0);
  first.die();
  sweep();
  EXPECT_EQ(back(), 2);
  pass(1);
  sweep();
  EXPECT_EQ(back(), 3);
}

TEST_F(CollectAnew, ANameThatBecomesFreeIsNoMatterOfThoseLeftOutForAnother) {
  holder(kUser, "a_total");
  SegmentFile& toggled = holder(kUser, "b_total");
  wants(kUser, "a_total", kSeries);
  wants(kUser, "a_total", kSeries);
  wants(kUser, "b_total", 1);
  toggled.die();
  sweep();
  EXPECT_EQ(shown("b_total", "user"), 1) << "the others had spent what there is";
}

}  // namespace
}  // namespace notch::testing
