// File systems that hang: first ones of the test's own, held by a lock, then real ones, FUSE mounts
// whose server never says a word.
#include "agent/host/mount_statistics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/family/row_slots.h"
#include "agent/host/filesystem.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::Pair;

constexpr milliseconds kLong{20'000};  // never over unless something is broken

// Paths that begin with /hung hang until release(); /broken fails; all others answer.
class HungStatistics {
 public:
  HungStatistics() : hold_(held_->mutex) {}

  std::vector<bool> ask(const std::vector<std::string>& paths, milliseconds patience) {
    std::vector<bool> answered;
    for (const auto& answer : statistics.ask(paths, Clock::now() + patience)) {
      answered.push_back(answer.has_value());
    }
    return answered;
  }
  void release() { hold_.unlock(); }
  int calls() const { return held_->calls; }

 private:
  struct Held {
    std::shared_timed_mutex mutex;
    std::atomic<int> calls = 0;
  };
  const std::shared_ptr<Held> held_ = std::make_shared<Held>();  // threads may outlive the test
  std::unique_lock<std::shared_timed_mutex> hold_;

 public:
  MountStatistics statistics{[held = held_](const std::string& path, struct statfs& answer) {
    ++held->calls;
    if (path.starts_with("/hung")) const std::shared_lock wait(held->mutex);
    answer.f_bsize = 1;
    return path != "/broken";
  }};
};

std::vector<std::string> hung_paths(std::size_t count) {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < count; ++i) paths.push_back("/hung" + std::to_string(i));
  return paths;
}

TEST(MountStatistics, OneThatHangsIsWaitedForOnceAndHoldsUpNoOther) {
  HungStatistics hung;
  // Where no processor is free the time may be over before a thread asks at all.
  while (hung.calls() == 0) EXPECT_FALSE(hung.ask({"/hung"}, milliseconds(20))[0]);
  const auto start = Clock::now();
  for (int scrape = 0; scrape < 3; ++scrape) {
    EXPECT_EQ(hung.ask({"/hung", "/good", "/broken"}, kLong),
              (std::vector<bool>{false, true, false}));
  }
  EXPECT_LT(Clock::now() - start, kLong) << "the hung one was waited for again";
  EXPECT_EQ(hung.calls(), 7) << "it was asked again while a thread was in it";
  hung.release();
  // It has answered, late: it is asked again, and waited for once it has answered in time.
  while (!hung.ask({"/hung"}, kLong)[0]) std::this_thread::sleep_for(milliseconds(1));
}

TEST(MountStatistics, ADozenThatHangAtOnceLeaveTheOthersTheirFigures) {
  HungStatistics hung;
  std::vector<std::string> paths = hung_paths(12);
  paths.push_back("/good");
  // The first scrape may not get to all of them where no processor is free.
  std::vector<bool> answered = hung.ask(paths, milliseconds(200));
  while (!answered[12]) answered = hung.ask(paths, milliseconds(200));
  // Known by now; none of these calls may wait.
  for (int scrape = 0; scrape < 3; ++scrape) {
    answered = hung.ask(paths, kLong);
    EXPECT_TRUE(answered[12]);
  }
  hung.release();
}

TEST(MountStatistics, WithAllThreadsHeldTheRestIsGivenUpWithoutAWait) {
  HungStatistics hung;
  constexpr std::size_t kMounts = MountStatistics::kMostThreads + 10;
  const std::vector<std::string> paths = hung_paths(kMounts);
  while (hung.calls() < static_cast<int>(MountStatistics::kMostThreads)) {
    hung.ask(paths, milliseconds(100));
  }
  const auto start = Clock::now();
  EXPECT_THAT(hung.ask(paths, kLong), Each(false));
  EXPECT_LT(Clock::now() - start, kLong);
  EXPECT_EQ(hung.calls(), static_cast<int>(MountStatistics::kMostThreads));
  hung.release();
  std::vector<bool> answered = hung.ask(paths, kLong);
  while (answered != std::vector<bool>(kMounts, true)) {
    std::this_thread::sleep_for(milliseconds(1));
    answered = hung.ask(paths, kLong);
  }
}

// Mounts that hang, in a mount namespace of this thread's own: the kernel waits for the first
// answer of a FUSE server, and there is none. Closing its device ends the calls.
class HungMounts : public ::testing::Test {
 protected:
  static constexpr int kHung = 12;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse";
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      GTEST_SKIP() << "no mount namespace: " << std::strerror(errno);
    }
    std::string table;
    const auto add = [&](const char* type, const std::string& name, const std::string& options) {
      const std::string point = folder_.path("root/" + name);
      ASSERT_EQ(::mkdir(point.c_str(), 0700), 0);
      ASSERT_EQ(::mount("notch_test", point.c_str(), type, 0, options.c_str()), 0)
          << type << ": " << std::strerror(errno);
      mounted_.push_back(point);
      table.append("1 2 0:5 / /" + name + " rw - " + type + " notch_test rw\n");
    };
    ASSERT_EQ(::mkdir(folder_.path("root").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir(folder_.path("proc").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir(folder_.path("proc/1").c_str(), 0700), 0);
    for (int i = 0; i < kHung; ++i) {
      servers_.emplace_back(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
      ASSERT_TRUE(servers_.back().valid());
      add("fuse", "hung" + std::to_string(i),
          "fd=" + std::to_string(servers_.back().get()) + ",rootmode=40000,user_id=0,group_id=0");
      if (HasFatalFailure()) return;
    }
    add("tmpfs", "good", "size=8192");
    // One that no thread of the local ones is for.
    table.append("1 2 0:5 / /good rw - 9p notch_test rw\n");
    folder_.write("proc/1/mountinfo", table);
  }

  void TearDown() override {
    servers_.clear();  // the calls that hang end
    for (const std::string& point : mounted_) ::umount2(point.c_str(), MNT_DETACH);
  }

  // device_error by file system type and mount point.
  std::map<std::string, double> scrape(FilesystemCollector& collector) {
    HostFiles files({folder_.path("proc"), folder_.path("sys"), folder_.path("root")});
    files.begin_scrape();
    HostDrops drops;
    FamilyList families("node_", drops);
    families.begin_collector("filesystem");
    EXPECT_EQ(collector.collect(files, families).kind, CollectResult::Kind::kDone);
    const Snapshot snapshot = families.finish();
    std::map<std::string, double> errors;
    for (const FamilySnapshot& family : snapshot.families) {
      if (family.family->name != "node_filesystem_device_error") continue;
      for (const Row& row : family.rows) {
        errors.emplace(row.labels, scalar_value(*family.family, family.slots[row.first_slot]));
      }
    }
    return errors;
  }

  static std::string labels(const std::string& type, const std::string& point) {
    return "device=\"notch_test\",fstype=\"" + type + "\",mountpoint=\"" + point + "\"";
  }

  testing::ScratchDirectory folder_;
  std::vector<FileDescriptor> servers_;
  std::vector<std::string> mounted_;
};

TEST_F(HungMounts, ThatAreRealLeaveTheOthersTheirFiguresAndAreWaitedForOnce) {
  HostOptions options;
  options.mount_timeout_ms = 200;
  FilesystemCollector collector(options);
  std::map<std::string, double> errors = scrape(collector);
  EXPECT_EQ(errors.size(), kHung + 2U);
  EXPECT_EQ(errors.at(labels("tmpfs", "/good")), 0) << "of memory: at once";
  while (errors.at(labels("9p", "/good")) != 0) errors = scrape(collector);
  const auto start = Clock::now();
  for (int i = 0; i < 5; ++i) {
    errors = scrape(collector);
    EXPECT_EQ(errors.at(labels("tmpfs", "/good")), 0);
    EXPECT_EQ(errors.at(labels("9p", "/good")), 0);
    for (int hung = 0; hung < kHung; ++hung) {
      EXPECT_EQ(errors.at(labels("fuse", "/hung" + std::to_string(hung))), 1);
    }
  }
  const std::chrono::duration<double, std::milli> taken = Clock::now() - start;
  RecordProperty("ms_per_scrape", std::to_string(taken.count() / 5));
  EXPECT_LT(taken.count(), 5 * 200) << "each scrape waited again";
}

}  // namespace
}  // namespace notch::agent
