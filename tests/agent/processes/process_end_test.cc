// How a segment ended, asked of real processes.
#include "agent/processes/process_end.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace notch::agent {
namespace {

std::uint64_t start_time_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string word;
  for (int field = 3; field <= 22; ++field) rest >> word;
  return std::stoull(word);
}

shm::SegmentInfo info_of(pid_t pid) {
  shm::SegmentInfo info;
  info.pid = static_cast<std::uint32_t>(pid);
  info.start_time_ticks = start_time_of(pid);
  info.pid_namespace = own_pid_namespace();
  return info;
}

TEST(ProcessEnd, ClosedIsClosedWhateverRuns) {
  EXPECT_EQ(process_end(shm::State::kClosed, info_of(::getpid()), own_pid_namespace()),
            ProcessEnd::kClosed);
}

TEST(ProcessEnd, AProcessThatLivesOnHasExecuted) {
  EXPECT_EQ(process_end(shm::State::kLive, info_of(::getpid()), own_pid_namespace()),
            ProcessEnd::kExec);
}

TEST(ProcessEnd, AnotherProcessOfTheSameNumberDoesNotCount) {
  shm::SegmentInfo info = info_of(::getpid());
  ++info.start_time_ticks;
  EXPECT_EQ(process_end(shm::State::kLive, info, own_pid_namespace()), ProcessEnd::kKilled);
}

TEST(ProcessEnd, AProcessOfAnotherNamespaceIsNotAsked) {
  shm::SegmentInfo info = info_of(::getpid());
  ++info.pid_namespace;
  EXPECT_EQ(process_end(shm::State::kLive, info, own_pid_namespace()), ProcessEnd::kKilled);
}

TEST(ProcessEnd, AKilledChildNobodyWaitedForDoesNotRun) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const shm::SegmentInfo info = info_of(child);
  EXPECT_TRUE(process_runs(info.pid, info.start_time_ticks));
  ::kill(child, SIGKILL);
  siginfo_t gone{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &gone, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(process_end(shm::State::kLive, info, own_pid_namespace()), ProcessEnd::kKilled);
  ::waitpid(child, nullptr, 0);
}

constexpr std::uint32_t kUid = 1000;

TEST(LastPrograms, AnotherUsersSegmentSaysNothing) {
  shm::SegmentInfo info;
  info.pid = 7;
  info.created_unix_ns = 1000;
  shm::SegmentInfo forged = info;
  forged.created_unix_ns = 2000;
  LastPrograms programs;
  programs.add(kUid, info);
  programs.add(kUid + 1, forged);
  EXPECT_FALSE(programs.went_on(kUid, info));
}

TEST(LastPrograms, AProcessGoesOnInItsLaterSegmentOnly) {
  shm::SegmentInfo first;
  first.pid = 7;
  first.start_time_ticks = 100;
  first.pid_namespace = 1;
  first.created_unix_ns = 1000;
  shm::SegmentInfo second = first;
  second.created_unix_ns = 2000;
  LastPrograms programs;
  programs.add(kUid, first);
  EXPECT_FALSE(programs.went_on(kUid, first));
  programs.add(kUid, second);
  EXPECT_TRUE(programs.went_on(kUid, first));
  EXPECT_FALSE(programs.went_on(kUid, second));
  for (const auto change : {+[](shm::SegmentInfo& other) { ++other.pid; },
                            +[](shm::SegmentInfo& other) { ++other.start_time_ticks; },
                            +[](shm::SegmentInfo& other) { ++other.pid_namespace; }}) {
    shm::SegmentInfo other = first;
    change(other);
    EXPECT_FALSE(programs.went_on(kUid, other));
  }
}

}  // namespace
}  // namespace notch::agent
