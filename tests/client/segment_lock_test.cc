// Life and death as the kernel tells them: the segment's lock is held for as long as its process
// lives, whatever that process closes, and not a moment longer, whoever else lives on.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

// How far a child and the test have come.
struct Stage {
  std::atomic<int> reached, allowed;
  std::atomic<pid_t> pid;

  void reach(int stage) { reached = stage; }
  void await_permission(int stage) const {
    NOTCH_REQUIRE(eventually([&] { return allowed.load() >= stage; }));
  }
  bool was_reached(int stage) const {
    return eventually([&] { return reached.load() >= stage; });
  }
};

class SegmentLock : public SegmentDirectory {
 protected:
  // The path of the one segment there is.
  std::string only_segment() const {
    const auto all = segments();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? "" : all[0].path;
  }
  // A process that counts, does `deed`, counts again and waits to be killed.
  void expect_held_until_death(const std::function<void()>& deed) {
    const pid_t child = start_child([&] {
      auto total = counter({.name = "test_lives_total", .help = "Lives."});
      total.add();
      deed();
      total.add();
      stage_->reach(1);
      stage_->await_permission(1);
    });
    ASSERT_TRUE(stage_->was_reached(1));
    EXPECT_FALSE(is_lock_free(only_segment()));
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), "signal 9");
    EXPECT_TRUE(is_lock_free(only_segment()));
    EXPECT_EQ(count("test_lives_total"), 2U);
  }

  const Shared<Stage> stage_;
};

TEST_F(SegmentLock, IsHeldUntilTheProcessDies) {
  expect_held_until_death([] {});
}

TEST_F(SegmentLock, IsHeldAfterClosefrom) {
  expect_held_until_death([] { closefrom(3); });
}

TEST_F(SegmentLock, IsHeldAfterCloseRange) {
  expect_held_until_death([] { NOTCH_REQUIRE(syscall(SYS_close_range, 3U, ~0U, 0U) == 0); });
}

TEST_F(SegmentLock, IsHeldAfterEveryDescriptorWasClosedOneByOne) {
  expect_held_until_death([] {
    for (int fd = 3; fd < 1024; ++fd) ::close(fd);
  });
}

TEST_F(SegmentLock, NoDescriptorIsLeftOpen) {
  expect_quiet_success([] {
    const int before = dup(STDOUT_FILENO);
    ::close(before);
    counter({.name = "test_lives_total", .help = "Lives."}).add();
    const int after = dup(STDOUT_FILENO);
    NOTCH_REQUIRE(after == before);
  });
}

// daemon(3) forks and its caller exits: the segment before is dead, the one behind it lives.
TEST_F(SegmentLock, FollowsADaemon) {
  const pid_t caller = start_child([&] {
    auto total = counter({.name = "test_lives_total", .help = "Lives."});
    total.add(1);
    NOTCH_REQUIRE(daemon(1, 1) == 0);
    total.add(10);
    stage_->pid = getpid();
    stage_->reach(1);
    stage_->await_permission(1);
    total.add(100);
    stage_->reach(2);
  });
  EXPECT_EQ(wait_for(caller), "exit 0");
  ASSERT_TRUE(stage_->was_reached(1));
  ASSERT_EQ(segments().size(), 2U);
  for (const SegmentTotals& segment : segments()) {
    const bool daemons = segment.header.pid == static_cast<std::uint32_t>(stage_->pid.load());
    EXPECT_EQ(is_lock_free(segment.path), !daemons);
  }
  stage_->allowed = 1;
  ASSERT_TRUE(stage_->was_reached(2));
  EXPECT_EQ(count("test_lives_total"), 111U);
}

// A forked child that lives longer than its parent must not keep the parent's lock.
class OutlivedByItsChild : public SegmentLock {
 protected:
  void expect_free(bool child_counts, pid_t (*make_child)()) {
    const pid_t parent = start_child([&] {
      auto total = counter({.name = "test_lives_total", .help = "Lives."});
      total.add(1);
      stage_->pid = getpid();
      if (make_child() == 0) {
        if (child_counts) total.add(10);
        stage_->reach(1);
        stage_->await_permission(1);
        stage_->reach(2);
        _exit(0);
      }
      pause();
    });
    ASSERT_TRUE(stage_->was_reached(1));
    kill(parent, SIGKILL);
    EXPECT_EQ(wait_for(parent), "signal 9");
    for (const SegmentTotals& segment : segments()) {
      const bool parents = segment.header.pid == static_cast<std::uint32_t>(stage_->pid.load());
      EXPECT_EQ(is_lock_free(segment.path), parents);
    }
    EXPECT_EQ(segments().size(), child_counts ? 2U : 1U);
    stage_->allowed = 1;
    EXPECT_TRUE(stage_->was_reached(2));
  }

  static pid_t raw_clone() { return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }
};

TEST_F(OutlivedByItsChild, IsFreeWhenTheChildCounts) {
  expect_free(true, fork);
}

TEST_F(OutlivedByItsChild, IsFreeWhenTheChildDoesNotCount) {
  expect_free(false, fork);
}

TEST_F(OutlivedByItsChild, IsFreeWhenTheChildIsARawClone) {
  expect_free(false, raw_clone);
}

// Another thread is making the segment at that moment, and has its descriptor open.
TEST_F(OutlivedByItsChild, IsFreeWhenTheChildWasForkedAmidTheBirth) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer thinks that the parent's threads go on in the child";
#endif
  const Shared<std::atomic<int>> started;
  for (int round = 0; round < 200; ++round) {
    *started = 0;
    stage_->reached = 0;
    const pid_t parent = start_child([&] {
      std::thread maker([&] {
        *started = 1;
        counter({.name = "test_lives_total", .help = "Lives."}).add();
      });
      while (started->load() == 0) {
      }
      for (int i = 0; i < round; ++i) asm volatile("pause");
      if (fork() == 0) {
        stage_->reach(1);
        stage_->await_permission(round + 1);
        _exit(0);
      }
      maker.join();
    });
    ASSERT_EQ(wait_for(parent), "exit 0");
    ASSERT_TRUE(stage_->was_reached(1));
    ASSERT_TRUE(is_lock_free(only_segment())) << "round " << round;
    std::remove(only_segment().c_str());
    stage_->allowed = round + 1;
  }
}

TEST_F(SegmentLock, TheStateTellsAnOrderlyEndFromAKill) {
  EXPECT_EQ(wait_for(start_child([] {
              counter({.name = "test_lives_total", .help = "Lives."}).add();
              std::exit(0);
            })),
            "exit 0");
  EXPECT_EQ(segments().at(0).header.state, std::uint32_t(shm::State::kClosed));
  std::remove(only_segment().c_str());
  EXPECT_EQ(wait_for(start_child([] {
              counter({.name = "test_lives_total", .help = "Lives."}).add();
              raise(SIGKILL);
            })),
            "signal 9");
  EXPECT_EQ(segments().at(0).header.state, std::uint32_t(shm::State::kLive));
}

}  // namespace
}  // namespace notch::test
