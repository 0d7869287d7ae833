// A fleet of processes that count through the client, for the agent to read: forks them, lets each
// make its series and add to them, says "ready", and stays until its standard input ends.
// Run by: scrape_bench, agent_cost. NOTCH_DIR says where the segments go.
//
// Usage: segment_writers PROCESSES SERIES distinct|shared
//   distinct: every process has label values of its own; shared: all have the same series.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "notch/health.h"
#include "notch/registry.h"

namespace {

// What the rows show: numbers of one to seven digits.
constexpr std::uint64_t value_of(std::uint64_t process, std::uint64_t series) {
  return (process * 7'919 + series * 104'729) % 1'000'003;
}

// Returns false if the process is not in a segment, or not all series are its own.
bool count(std::uint64_t process, std::uint64_t series, bool distinct) {
  const auto family = notch::counter_family({.name = "bench_items_total",
                                             .help = "Items.",
                                             .labels = {"worker", "item"},
                                             .series_limit = static_cast<std::size_t>(series)});
  const std::string worker = distinct ? std::to_string(process) : "all";
  for (std::uint64_t i = 0; i < series; ++i) {
    family.with(worker, std::to_string(i)).add(value_of(process, i));
  }
  const notch_health health = notch::health();
  return health.attached != 0 && health.dropped == 0;
}

[[noreturn]] void live(std::uint64_t process, std::uint64_t series, bool distinct, int ready_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char done = count(process, series, distinct) ? '.' : '!';
  if (::write(ready_fd, &done, 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: segment_writers PROCESSES SERIES distinct|shared\n", stderr);
    return 2;
  }
  const std::uint64_t processes = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t series = std::strtoull(argv[2], nullptr, 10);
  const bool distinct = argv[3] == std::string_view("distinct");

  int ready[2];
  if (::pipe(ready) != 0) return 1;
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    if (child == 0) live(i, series, distinct, ready[1]);
    if (child < 0) break;
    children.push_back(child);
  }
  bool all_well = children.size() == processes;
  for (std::size_t i = 0; all_well && i < children.size(); ++i) {
    char done = '!';
    all_well = ::read(ready[0], &done, 1) == 1 && done == '.';
  }
  std::puts(all_well ? "ready" : "failed");
  std::fflush(stdout);
  char end = 0;
  while (all_well && ::read(STDIN_FILENO, &end, 1) > 0) {
  }
  for (const pid_t child : children) ::kill(child, SIGKILL);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  return all_well ? 0 : 1;
}
