#include "tests/client/segment_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace notch::test {
namespace {

constexpr int kRequirementFailed = 99;

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0;
       (n = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

}  // namespace

void* shared_page(std::size_t bytes) {
  void* const page =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("no shared memory");
  return page;
}

void require(bool holds, const char* what) {
  if (holds) return;
  // One write, no heap: this may be a child of a multi-threaded process.
  char line[256] = "does not hold: ";
  strncat(line, what, 200);
  strcat(line, "\n");
  if (::write(STDERR_FILENO, line, strlen(line)) < 0) _exit(kRequirementFailed);
  _exit(kRequirementFailed);
}

std::string status_text(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit " + std::to_string(WEXITSTATUS(wait_status));
  return "signal " + std::to_string(WTERMSIG(wait_status));
}

pid_t start_child(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no fork");
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  _exit(0);
}

std::string wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status_text(status);
}

Ending run_child(const std::function<void()>& body) {
  const int output = memfd_create("output", MFD_CLOEXEC);
  const pid_t child = start_child([&] {
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    body();
  });
  Ending ending;
  ending.status = wait_for(child);
  ending.output = read_all(output);
  ::close(output);
  return ending;
}

bool is_lock_free(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool taken = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (fd >= 0) ::close(fd);
  return taken;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

SegmentDirectory::SegmentDirectory() {
  setenv("NOTCH_DIR", directory().c_str(), 1);
}

SegmentDirectory::~SegmentDirectory() {
  unsetenv("NOTCH_DIR");
}

}  // namespace notch::test
