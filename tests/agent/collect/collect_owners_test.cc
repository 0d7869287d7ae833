// Services of one name and several users, through all of collecting: sums, the ledger, a restart,
// the ends. Files belong to real users; whoever is not root cannot make them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>

#include "agent/collect/collect.h"
#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

constexpr std::uint32_t kRoot = 0;
constexpr std::uint32_t kWorker = 33;
constexpr std::uint32_t kAlice = 61'001;
constexpr std::uint32_t kBob = 61'002;
constexpr std::uint64_t kDay_s = 24 * 3600;

class CollectOwners : public CollectTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    start_agent();
  }

  // A process of `uid` that counted `count`, and observed `sum` once.
  SegmentFile& start(std::uint32_t uid, std::uint64_t count, std::uint8_t lineage = 0,
                     double sum = 0.5, const std::string& service = "jobs") {
    SegmentShape shape;
    shape.uid = uid;
    shape.lineage = lineage;
    shape.service = service;
    shape.created_unix_ns = ++births_;
    SegmentBuilder builder(shape);
    const std::uint32_t total = builder.new_series(builder.new_family(counter("a_total")));
    builder.set_cell(0, builder.first_cell(total), count);
    const std::uint32_t spent = builder.new_series(builder.new_family(histogram("b_seconds", {1})));
    builder.set_cell(0, builder.first_cell(spent), 1);
    builder.set_float_cell(0, builder.first_cell(spent) + 2, sum);
    return start_process(std::move(builder), uid);
  }

  static std::string label(const std::string& service) { return "service=\"" + service + "\""; }
  std::optional<std::uint64_t> count(const std::string& service) { return sum(label(service)); }
  double seconds(const std::string& service) {
    return float_slot(gather(), "b_seconds", label(service), 2).value_or(-1);
  }
  std::uint64_t renamed(agent::NameChange change) {
    return stats().renamed_services[static_cast<std::size_t>(change)];
  }
  std::uint64_t births_ = 0;

  void restart(const agent::CollectOptions& options = {}) { start_agent(options); }
};

TEST_F(CollectOwners, AStrangerAddsNothingToAnothers) {
  SegmentFile& victim = start(kAlice, 7, 1);
  SegmentFile& attacker = start(kBob, 1'000'000, 2, 1e300);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(count("jobs"), 7U);
    EXPECT_EQ(seconds("jobs"), 0.5);
    EXPECT_EQ(count("jobs@61002"), 1'000'000U);
    EXPECT_EQ(seconds("jobs@61002"), 1e300);
    restart();
  }
  EXPECT_EQ(renamed(agent::NameChange::kTaken), 1U);
  EXPECT_EQ(
      stats().service_message,
      "service \"jobs\" of uid 61002 is shown as \"jobs@61002\": the name is another owner's");
  attacker.die();
  victim.die();
  sweep();
  EXPECT_EQ(stats().ends.at("jobs").killed, 1U);
  EXPECT_EQ(stats().ends.at("jobs@61002").killed, 1U);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(count("jobs"), 7U);
    EXPECT_EQ(seconds("jobs"), 0.5);
    EXPECT_EQ(count("jobs@61002"), 1'000'000U);
    restart();
  }
  start(kAlice, 1, 3);
  start(kBob, 1, 4);
  EXPECT_EQ(count("jobs"), 8U);
  EXPECT_EQ(count("jobs@61002"), 1'000'001U);
}

// The attacker comes first after a restart: the ledger knows whose the name is.
TEST_F(CollectOwners, TheFirstOwnerIsRememberedThoughNobodyOfHisLives) {
  start(kAlice, 7, 1).die();
  sweep();
  restart();
  start(kBob, 100, 2);
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61002"), 100U);
}

// Even one who never counted anything that is kept.
TEST_F(CollectOwners, TheOwnerIsWrittenAtTheNextSweep) {
  SegmentFile& alice = start(kAlice, 0, 1);
  sweep();
  ASSERT_EQ(::unlink(directory_.path(alice.name()).c_str()), 0);
  restart();
  start(kBob, 100, 2);
  EXPECT_EQ(count("jobs"), std::nullopt);
  EXPECT_EQ(count("jobs@61002"), 100U);
}

// Even where the host is up for longer than the retention, and he counted nothing that is kept.
TEST_F(CollectOwners, TheOwnerIsRememberedForTheRetentionFromARestartOn) {
  pass(2 * agent::CollectOptions{}.retention_s);
  SegmentFile& alice = start(kAlice, 0, 1);
  sweep();
  ASSERT_EQ(::unlink(directory_.path(alice.name()).c_str()), 0);
  restart();
  sweep();
  start(kBob, 100, 2);
  EXPECT_EQ(count("jobs"), std::nullopt);
  EXPECT_EQ(count("jobs@61002"), 100U);
}

TEST_F(CollectOwners, ASquatterGivesTheNameBackWithNothingOfHisInIt) {
  start(kBob, 100, 1).die();
  sweep();
  SegmentFile& squatter = start(kBob, 30, 2);
  EXPECT_EQ(count("jobs"), 130U);
  gather();
  start(kRoot, 7, 3);
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(seconds("jobs"), 0.5);
  EXPECT_EQ(count("jobs@61002"), 130U);
  EXPECT_EQ(seconds("jobs@61002"), 1.0);
  EXPECT_EQ(renamed(agent::NameChange::kDisplaced), 1U);
  EXPECT_EQ(stats().ends.count("jobs"), 0U);
  EXPECT_EQ(stats().ends.at("jobs@61002").killed, 1U);
  EXPECT_EQ(collect_->take_renames(), (std::vector<agent::ServiceRename>{{"jobs", "jobs@61002"}}));
  // He goes on as what he is now, in every agent that comes.
  squatter.count(31);
  EXPECT_EQ(count("jobs@61002"), 131U);
  restart();
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61002"), 131U);
  squatter.die();
  sweep();
  restart();
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61002"), 131U);
  EXPECT_EQ(stats().resets, 0U);
}

// Of all that a displaced service has, for an agent that was killed right after it.
TEST_F(CollectOwners, ADisplacementIsInTheLedgerOrNotAtAll) {
  start(kBob, 100, 1).die();
  sweep();
  SegmentFile& root = start(kRoot, 7, 2);
  for (int i = 0; i < 2; ++i) {
    restart();  // not swept: nothing was written
    EXPECT_EQ(count("jobs"), 7U);
    EXPECT_EQ(count("jobs@61002"), 100U);
  }
  sweep();
  root.die();
  sweep();
  EXPECT_FALSE(directory_.has(root.name()));
  restart();
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61002"), 100U);
}

TEST_F(CollectOwners, ServersWhoseWorkersChangeTheirUserStayOne) {
  SegmentFile& master = start(kRoot, 1, 5);
  start(kWorker, 20, 5);
  start(kWorker, 300, 5).die();
  start(kWorker, 1'000'000, 6);  // a stranger of that uid
  EXPECT_EQ(count("jobs"), 321U);
  EXPECT_EQ(count("jobs@33"), 1'000'000U);
  master.die();
  sweep();
  restart();
  start(kWorker, 4000, 5);
  start(kWorker, 1'000'000, 7);
  EXPECT_EQ(count("jobs"), 4321U);
  EXPECT_EQ(count("jobs@33"), 2'000'000U);
}

TEST_F(CollectOwners, AWorkerFoundFirstFollowsItsMaster) {
  collect_ = nullptr;
  start(kRoot, 1, 5);
  start(kWorker, 20, 5);
  collect_ = std::make_unique<agent::Collect>(agent::CollectOptions{});
  ASSERT_TRUE(collect_->open(directory_.fd(), now_, recovered_).ok);
  collect_->add(std::vector{segments_[1]->name(), segments_[0]->name()}, now_);
  start(kWorker, 300, 6);
  EXPECT_EQ(count("jobs"), 21U);
  EXPECT_EQ(count("jobs@33"), 300U);
}

TEST_F(CollectOwners, ForgedKeysOpenNothing) {
  start(kAlice, 7, 1);
  for (const std::uint8_t forged : {std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{255}})
    start(kBob, 1000, forged);
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61002"), 3000U);
  restart();
  EXPECT_EQ(count("jobs"), 7U);
}

TEST_F(CollectOwners, AnOwnerNamedLaterHasHisNameFromTheStartOn) {
  start(kBob, 100, 1).die();
  start(kAlice, 7, 2).die();
  sweep();
  agent::CollectOptions options;
  options.owners.named = {{"jobs", kAlice}};
  for (int i = 0; i < 2; ++i) {
    restart(options);
    EXPECT_EQ(count("jobs"), 7U);
    EXPECT_EQ(count("jobs@61002"), 100U);
    sweep();
  }
  restart();  // no longer named: the first comes first again
  EXPECT_EQ(count("jobs"), 100U);
  EXPECT_EQ(count("jobs@61001"), 7U);
}

TEST_F(CollectOwners, ANameWhoseRowsAreGoneIsTheNexts) {
  start(kBob, 100, 1).die();
  SegmentFile& alice = start(kAlice, 7, 2);
  sweep();
  pass(8 * kDay_s);
  sweep();
  sweep();
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61001"), std::nullopt);
  EXPECT_EQ(stats().ends.count("jobs"), 0U);
  restart();
  EXPECT_EQ(count("jobs"), 7U);
  alice.die();
  sweep();
  restart();
  EXPECT_EQ(count("jobs"), 7U);
}

TEST_F(CollectOwners, RowsByProcessAreNamedTheSame) {
  agent::CollectOptions options;
  options.tally.per_process = true;
  start(kBob, 100, 1);
  restart(options);
  start(kRoot, 7, 2);
  const agent::Snapshot page = gather();
  EXPECT_EQ(slot(page, "a_total", label("jobs@61002") + ",pid=\"4711\""), 100U);
  EXPECT_EQ(slot(page, "a_total", label("jobs") + ",pid=\"4711\""), 7U);
}

// Rows of a ledger from before services had owners keep their name, and are no obstacle.
TEST_F(CollectOwners, RowsThatHaveTheNewNameAlreadyAreNotLost) {
  start(kBob, 100, 1).die();
  sweep();
  collect_ = nullptr;
  {
    agent::Ledger ledger;
    ASSERT_TRUE(ledger.open(directory_.fd(), "agent.ledger", recovered_).ok);
    ASSERT_EQ(recovered_.families[0].name, "a_total");
    const std::uint32_t row = ledger.define_row(0, label("jobs@61002"));
    const agent::Fold fold = {{4711, 4711, "old.notch"}, {{row, {11}, {}, {}}}};
    ASSERT_TRUE(ledger.append(std::span(&fold, 1), 1).ok);
  }
  restart();
  start(kRoot, 7, 2);
  EXPECT_EQ(count("jobs"), 7U);
  EXPECT_EQ(count("jobs@61002"), 111U);
  sweep();
  restart();
  EXPECT_EQ(count("jobs@61002"), 111U);
}

}  // namespace
}  // namespace notch::testing
