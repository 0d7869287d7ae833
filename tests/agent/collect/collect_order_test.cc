// Of two definitions that clash, the older is in force: whichever order the directory yields the
// segments in, and whenever their catalogues are read.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

struct Clash {
  std::string what;
  FamilySpec older;
  FamilySpec younger;
  agent::Conflict conflict;
};

FamilySpec with_help(FamilySpec spec, std::string help) {
  spec.help = std::move(help);
  return spec;
}

std::vector<Clash> clashes() {
  return {
      {"type", counter("h_total"), gauge("h_total", shm::GaugeMode::kSum), agent::Conflict::kType},
      {"bounds", histogram("h", {1}), histogram("h", {2}), agent::Conflict::kBounds},
      {"sample name", histogram("h", {1}), counter("h_total"), agent::Conflict::kSampleName},
      {"help", with_help(counter("h_total"), "Older."), with_help(counter("h_total"), "Younger."),
       agent::Conflict::kHelp},
  };
}

class CollectOrderTest : public CollectTest {
 protected:
  // Nothing is defined yet: the agent is woken by the file's name. Births within one tick of the
  // file system's clock differ by what the writers say.
  SegmentBuilder new_builder() {
    SegmentShape shape = shop_shape();
    shape.created_unix_ns = ++births_;
    return SegmentBuilder(shape);
  }

  static void define(SegmentBuilder& builder, const FamilySpec& spec) {
    builder.new_series(builder.new_family(spec));
    builder.set_cell(0, builder.first_cell(0), 1);
  }

  void expect_the_older(const Clash& clash, const std::string& how) {
    SCOPED_TRACE(clash.what + ", " + how);
    const agent::Snapshot snapshot = gather();
    ASSERT_EQ(snapshot.families.size(), 1U);
    EXPECT_EQ(snapshot.families[0].family->name, clash.older.name);
    EXPECT_EQ(snapshot.families[0].family->help, clash.older.help);
    EXPECT_EQ(snapshot.families[0].family->bounds, clash.older.bounds);
    EXPECT_EQ(stats().conflicts[static_cast<std::size_t>(clash.conflict)], 1U);
  }

  // An agent on an empty directory, which then finds the files at one look, in this order.
  void find(std::vector<std::string> names) {
    collect_ = std::make_unique<agent::Collect>(agent::CollectOptions{});
    ASSERT_TRUE(collect_->open(directory_.fd(), now_, recovered_).ok);
    collect_->add(names, now_);
  }

  void forget_everything() {
    collect_.reset();
    for (const auto& segment : segments_) ::unlinkat(directory_.fd(), segment->name().c_str(), 0);
    segments_.clear();
    ::unlinkat(directory_.fd(), "agent.ledger", 0);
  }

  std::uint64_t births_ = 0;
};

TEST_F(CollectOrderTest, OfThoseFoundAtOneLookTheOlderSegmentsIs) {
  for (const Clash& clash : clashes()) {
    for (const bool older_first : {true, false}) {
      SegmentBuilder older = new_builder();
      SegmentBuilder younger = new_builder();
      define(older, clash.older);
      define(younger, clash.younger);
      std::vector names = {start_process(older).name(), start_process(younger).name()};
      if (!older_first) std::ranges::reverse(names);
      find(names);
      expect_the_older(clash, older_first ? "in order" : "in the other order");
      forget_everything();
    }
  }
}

TEST_F(CollectOrderTest, OneThatWasFoundBeforeItDefinedAnythingIsReadBeforeTheNext) {
  for (const Clash& clash : clashes()) {
    start_agent();
    SegmentBuilder older = new_builder();
    SegmentFile& first = start_process(older);
    define(older, clash.older);
    first.rewrite(older);
    SegmentBuilder younger = new_builder();
    define(younger, clash.younger);
    start_process(younger);
    expect_the_older(clash, "read late");
    start_agent();
    expect_the_older(clash, "after a restart");
    forget_everything();
  }
}

TEST_F(CollectOrderTest, SoIsOneWhoseYoungerRivalDiesBeforeAnyPageIsMade) {
  for (const Clash& clash : clashes()) {
    start_agent();
    SegmentBuilder older = new_builder();
    SegmentBuilder younger = new_builder();
    SegmentFile& first = start_process(older);
    SegmentFile& second = start_process(younger);
    define(older, clash.older);
    first.rewrite(older);
    define(younger, clash.younger);
    second.rewrite(younger);
    second.die();
    sweep();
    expect_the_older(clash, "the younger is dead");
    forget_everything();
  }
}

TEST_F(CollectOrderTest, SoIsOneThatDiesBeforeTheNextIsFound) {
  for (const Clash& clash : clashes()) {
    start_agent();
    SegmentBuilder older = new_builder();
    SegmentFile& first = start_process(older);
    define(older, clash.older);
    first.rewrite(older);
    first.die();
    SegmentBuilder younger = new_builder();
    define(younger, clash.younger);
    start_process(younger);
    expect_the_older(clash, "the older is dead");
    forget_everything();
  }
}

TEST_F(CollectOrderTest, OneWhoseCatalogueBrokeMeanwhileHoldsUpNoOther) {
  start_agent();
  SegmentFile& broken = start_process(new_builder());
  broken.publish(4);
  SegmentBuilder younger = new_builder();
  define(younger, counter("h_total"));
  start_process(younger);
  EXPECT_EQ(slot(gather(), "h_total"), 1U);
  EXPECT_EQ(stats().live_segments, 1U);
  EXPECT_EQ(stats().rejected_segments, 1U);
}

}  // namespace
}  // namespace notch::testing
