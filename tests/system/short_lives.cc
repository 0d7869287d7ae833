// Starts processes as fast as it can, each of which adds once and is gone, and prints how many
// there were. Called by: short_lives_test.py, as `short_lives fork|exec SECONDS`.
//
// fork: a child of this process, which has the metric already; it ends by _exit.
// exec: a program of its own, by posix_spawn (a vfork), which defines the metric, adds, and returns
// from main.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "notch/registry.h"

namespace {

constexpr std::uint64_t kMostAlive = 64;

notch::Counter lives() {
  return notch::counter({.name = "short_lives_total", .help = "Processes that lived."});
}

pid_t start_by_fork(notch::Counter counter) {
  const pid_t child = fork();
  if (child != 0) return child;
  counter.add();
  _exit(0);
}

pid_t start_by_exec(char* program) {
  char life[] = "life";
  char* const arguments[] = {program, life, nullptr};
  pid_t child = -1;
  return posix_spawn(&child, program, nullptr, nullptr, arguments, environ) == 0 ? child : -1;
}

struct Tally {
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  std::uint64_t failed = 0;

  void reap(int options) {
    int status = 0;
    if (waitpid(-1, &status, options) <= 0) return;
    ++ended;
    if (status != 0) ++failed;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "life") == 0) {
    lives().add();
    return 0;
  }
  if (argc != 3) {
    std::fputs("usage: short_lives fork|exec SECONDS\n", stderr);
    return 2;
  }
  const bool by_fork = std::strcmp(argv[1], "fork") == 0;
  const notch::Counter counter = by_fork ? lives() : notch::Counter();
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const std::chrono::duration<double> span(std::atof(argv[2]));
  Tally tally;
  while (Clock::now() - start < span) {
    const pid_t child = by_fork ? start_by_fork(counter) : start_by_exec(argv[0]);
    if (child < 0) return 1;
    ++tally.started;
    tally.reap(tally.started - tally.ended >= kMostAlive ? 0 : WNOHANG);
  }
  while (tally.ended < tally.started) tally.reap(0);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%llu %llu %.2f\n", static_cast<unsigned long long>(tally.started),
              static_cast<unsigned long long>(tally.failed), seconds);
  return 0;
}
