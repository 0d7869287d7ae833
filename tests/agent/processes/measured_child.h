// A child process that does what it is told, tells what the kernel says it used (getrusage), and
// waits. So the truth about it stands still while the agent looks.
// Called by: the tests of process_sample and process_figures.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/files/proc_text.h"
#include "agent/processes/attached_process.h"
#include "agent/processes/process_end.h"
#include "agent/processes/process_text.h"

namespace notch::testing {

// How many threads a child has: ThreadSanitizer brings one of its own.
#ifdef __SANITIZE_THREAD__
inline constexpr int kThreadsOfAChild = 2;
#else
inline constexpr int kThreadsOfAChild = 1;
#endif

class MeasuredChild {
 public:
  using Work = void (*)();

  // `work` holds the steps in the order in which step() takes them.
  explicit MeasuredChild(std::vector<Work> work) {
    EXPECT_EQ(::pipe(to_child_.data()), 0);
    EXPECT_EQ(::pipe(from_child_.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) live(work);
  }
  MeasuredChild(const MeasuredChild&) = delete;
  MeasuredChild& operator=(const MeasuredChild&) = delete;
  ~MeasuredChild() {
    kill();
    reap();
    for (const int fd : {to_child_[0], to_child_[1], from_child_[0], from_child_[1]}) ::close(fd);
  }

  // Has it take its next step; gives what it used since its birth.
  rusage step() {
    rusage used{};
    EXPECT_EQ(::write(to_child_[1], "", 1), 1);
    EXPECT_EQ(::read(from_child_[0], &used, sizeof used), static_cast<ssize_t>(sizeof used));
    return used;
  }

  // Dead afterwards, and still in /proc until reap().
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    siginfo_t gone{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &gone, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  agent::AttachedProcess attached(std::string_view service) const {
    return attached_process(pid_, service);
  }
  static agent::AttachedProcess attached_process(pid_t pid, std::string_view service) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const auto stat = agent::parse_process_stat(agent::read_proc(path.c_str()));
    EXPECT_TRUE(stat) << path;
    return {{static_cast<std::uint32_t>(pid), stat ? stat->start_time_ticks : 0, ::geteuid()},
            agent::own_pid_namespace(),
            service,
            std::nullopt};
  }
  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] void live(const std::vector<Work>& work) {
    char told = 0;
    for (const Work next : work) {
      if (::read(to_child_[0], &told, 1) != 1) ::_exit(1);
      next();
      rusage used{};
      ::getrusage(RUSAGE_SELF, &used);
      if (::write(from_child_[1], &used, sizeof used) != sizeof used) ::_exit(1);
    }
    for (;;) ::pause();
  }

  std::array<int, 2> to_child_{};
  std::array<int, 2> from_child_{};
  pid_t pid_ = -1;
};

}  // namespace notch::testing
