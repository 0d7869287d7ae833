// A program started without descriptors 0 to 2, watched at each of its system calls: what the
// client opens is never among them in a way that a program's own output could reach.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "notch/registry.h"
#include "tests/client/seccomp_filter.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

class StandardDescriptors : public SegmentDirectory {
 protected:
  struct Seen {
    int stops = 0;
    int open = 0;  // calls after which one of the three was open for reading or writing
    int place = 0;
  };

  static void look_at(pid_t child, Seen& seen) {
    for (int fd = 0; fd <= 2; ++fd) {
      std::ifstream file("/proc/" + std::to_string(child) + "/fdinfo/" + std::to_string(fd));
      std::string word;
      unsigned flags = 0;
      while (file >> word)
        if (word == "flags:") file >> std::oct >> flags;
      if (!file.eof() || word.empty()) continue;
      ++((flags & O_PATH) != 0 ? seen.place : seen.open);
    }
  }

  // The child's `body`, with a stop before and behind each system call.
  static Seen watch(const std::function<void()>& body) {
    const pid_t child = start_child([&] {
      for (int fd = 0; fd <= 2; ++fd) close(fd);
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      raise(SIGSTOP);
      body();
    });
    Seen seen;
    int status = 0;
    waitpid(child, &status, 0);
    for (; WIFSTOPPED(status); waitpid(child, &status, 0)) {
      ++seen.stops;
      look_at(child, seen);
      ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    }
    EXPECT_EQ(status_text(status), "exit 0");
    return seen;
  }
};

TEST_F(StandardDescriptors, AreNeverASegments) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's run time opens files of its own";
#else
  const Seen seen = watch([] { counter({.name = "test_total", .help = "T."}).add(); });
  EXPECT_GT(seen.stops, 40);
  EXPECT_GT(seen.place, 0) << "the three were closed, so the directory's place came there";
  EXPECT_EQ(seen.open, 0);
  EXPECT_EQ(count("test_total"), 1U);
#endif
}

TEST_F(StandardDescriptors, AreNeverASegmentsOfAnOldKernel) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's run time opens files of its own";
#else
  constexpr std::uint32_t kTmpfileBit = 020000000;
  constexpr std::uint32_t kPopulateWrite = 23;
  const Seen seen = watch([] {
    refuse_call(SYS_openat, 2, kTmpfileBit, false, EOPNOTSUPP);
    refuse_call(SYS_madvise, 2, kPopulateWrite, true, EINVAL);
    auto family = counter_family({.name = "test_total", .help = "T.", .labels = {"n"}});
    for (int i = 0; i < 1000; ++i) family.with(std::to_string(i)).add();
  });
  EXPECT_GT(seen.place, 0);
  EXPECT_EQ(seen.open, 0);
  EXPECT_EQ(count("test_total", {"999"}), 1U);
#endif
}

}  // namespace
}  // namespace notch::test
