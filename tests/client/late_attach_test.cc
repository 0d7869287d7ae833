// A process that could not attach at first does so later, and takes with it what it has counted.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/late_attach.h"
#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

class LateAttach : public SegmentDirectory {
 protected:
  std::string later() const { return directory() + "/later"; }

  // Counts without a directory, then with one.
  void be_late() const {
    setenv("NOTCH_DIR", later().c_str(), 1);
    auto total = counter({.name = "test_late_total", .help = "L."});
    auto level = gauge({.name = "test_late_level", .help = "L."});
    auto real = float_counter({.name = "test_late_real_total", .help = "L."});
    auto native = native_histogram({.name = "test_late_native", .help = "L."});
    auto family = counter_family({.name = "test_late_sets_total", .help = "L.", .labels = {"n"}});
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([total]() mutable {
        for (int i = 0; i < 10'000; ++i) total.add();
      });
    }
    for (std::thread& thread : threads) thread.join();
    level.set(7);
    real.add(0.5);
    for (int i = 1; i < 1000; ++i) native.observe(i);
    for (int i = 0; i < 1000; ++i) family.with(std::to_string(i)).add();
    counter({.name = "Refused", .help = "R."});
    NOTCH_REQUIRE(health().attached == 0 && health().system_errno == ENOENT);
    NOTCH_REQUIRE(mkdir(later().c_str(), 0777) == 0);
    NOTCH_REQUIRE(eventually([] { return health().attached == 1; }));
    NOTCH_REQUIRE(health().system_errno == 0);
    total.add();
    family.with("new").add();
    family.with("999").add();
    native.observe(1e9);
  }
};

TEST_F(LateAttach, BringsEverythingAlong) {
  expect_quiet_success([&] { be_late(); });
  const auto all = read_segments(later());
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(integer_total(later(), "test_late_total"), 80'001U);
  EXPECT_EQ(real_total(later(), "test_late_real_total"), 0.5);
  EXPECT_EQ(all[0].find("test_late_level").at(0).gauge(), 7);
  EXPECT_EQ(observation_total(later(), "test_late_native"), 1000U);
  EXPECT_EQ(integer_total(later(), "test_late_sets_total", {"999"}), 2U);
  EXPECT_EQ(integer_total(later(), "test_late_sets_total", {"new"}), 1U);
  EXPECT_EQ(all[0].drops(shm::DropReason::kInvalidDefinition), 1U);
  std::filesystem::remove_all(later());
}

TEST_F(LateAttach, AndItsForkedChildrenHaveTheirOwn) {
  expect_quiet_success([&] {
    be_late();
    auto total = counter({.name = "test_late_total", .help = "L."});
    const pid_t child = start_child([&] { total.add(); });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    total.add();
  });
  EXPECT_EQ(read_segments(later()).size(), 2U);
  EXPECT_EQ(integer_total(later(), "test_late_total"), 80'003U);
  std::filesystem::remove_all(later());
}

// The file has its name before it has what was counted: readers see all of it, or nothing.
TEST_F(LateAttach, KilledOnTheWayLeavesAllOrNothing) {
#ifndef NOTCH_INJECTION_POINTS
  GTEST_SKIP() << "built without injection points";
#endif
  for (const auto& [point, total] : {std::pair("late.named", 0U), std::pair("late.counted", 0U),
                                     std::pair("late.published", 80'000U)}) {
    EXPECT_EQ(wait_for(start_child([&, name = point] {
                setenv("NOTCH_KILL_AT", name, 1);
                be_late();
              })),
              "signal 9")
        << point;
    ASSERT_EQ(read_segments(later()).size(), 1U) << point;
    EXPECT_EQ(integer_total(later(), "test_late_total"), total) << point;
    EXPECT_EQ(integer_total(later(), "test_late_sets_total", {"999"}), total == 0 ? 0U : 1U)
        << point;
    std::filesystem::remove_all(later());
  }
}

TEST(LateAttachWait, DoublesUpToAMinute) {
  std::uint64_t wait_ns = 0;
  for (const std::uint64_t seconds : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 64U, 64U}) {
    wait_ns = client::wait_after(wait_ns);
    EXPECT_EQ(wait_ns, seconds * 1'000'000'000);
  }
}

// No add is lost when threads count through the change in their own columns. Of those that all
// count in column 0 each may lose one, see late_attach.h.
TEST_F(LateAttach, AmidAdds) {
  constexpr int kThreads = 4;
  const Shared<std::atomic<std::uint64_t>> truth;
  const Shared<std::atomic<std::uint64_t>> most_lost;
  expect_quiet_success([&] {
    setenv("NOTCH_DIR", later().c_str(), 1);
    auto total = counter({.name = "test_late_total", .help = "L."});
    *most_lost = health().rseq ? 0 : kThreads;
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        std::uint64_t mine = 0;
        for (; !stop.load(); ++mine) total.add();
        truth->fetch_add(mine);
      });
    }
    NOTCH_REQUIRE(mkdir(later().c_str(), 0777) == 0);
    NOTCH_REQUIRE(eventually([] { return health().attached == 1; }));
    stop = true;
    for (std::thread& thread : threads) thread.join();
  });
  const std::uint64_t counted = integer_total(later(), "test_late_total");
  EXPECT_LE(counted, truth->load());
  EXPECT_GE(counted + most_lost->load(), truth->load());
  std::filesystem::remove_all(later());
}

}  // namespace
}  // namespace notch::test
