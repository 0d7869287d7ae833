// What the kernel's probes cost: each program's time for an event, by the kernel's own measurement,
// and what round trips through a pipe and a TCP connection lose with all probes on; beside them the
// probe of run queues alone, and the usual method of three hooks and a map of wake-ups. Called by:
// bench/run, as root.
//
// Rows: program/PROBE.PROGRAM (ns for an event, which includes the measurement's own 60 to 70 ns),
// and WAY_round_trip/MODE, the processor time of both ends for one round trip. The modes take
// turns, some hundredths of a second each, and each turn is held against the bare ones before and
// after it: the counters are what it lost by that, in percent, as median and quartiles over all
// turns.
//
// Environment: NOTCH_BENCH_TURNS, of each mode (default 60).
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ebpf/kernel_object.h"
#include "ebpf/probes.h"
#include "ebpf/runqueue_probe.h"

namespace {

using notch::ebpf::KernelObject;
using notch::ebpf::Outcome;
using notch::ebpf::Probes;

void need(const char* name, const Outcome& outcome) {
  if (outcome.ok()) return;
  std::fprintf(stderr, "no probe %s: %s\n", name, outcome.words.c_str());
  std::exit(1);
}

std::unique_ptr<Probes> running_probes() {
  auto probes = std::make_unique<Probes>();
  probes->start();
  for (const auto& state : probes->states()) need(state.name, state.outcome);
  return probes;
}

// The probe of run queues alone.
struct OneHook {
  notch::ebpf::ServiceTable services;
  notch::ebpf::RunqueueProbe probe;

  OneHook() {
    need("services", services.start());
    need("runqueue", probe.start(services));
  }
};

struct ThreeHooks {
  KernelObject object;

  ThreeHooks() {
    std::ifstream file(NOTCH_SOURCE_DIR "/bench/three_hooks.bpf.o", std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    need("three_hooks",
         object.open("three_hooks",
                     {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()},
                     {"sched_wakeup", "sched_wakeup_new", "sched_switch"}));
    need("three_hooks", object.run());
  }
};

void pin_to_first_processor() {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
}

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Two processes on one processor that hand a byte to each other: two sends, two wake-ups, two
// switches.
class RoundTrips {
 public:
  explicit RoundTrips(const std::string& way) {
    if (way == "pipe") {
      open_pipes();
    } else {
      open_connection();
    }
    child_ = fork();
    if (child_ == 0) {
      pin_to_first_processor();
      char byte = 0;
      while (read(theirs_[0], &byte, 1) == 1 && byte != 'q') {
        if (write(theirs_[1], &byte, 1) != 1) break;
      }
      _exit(0);
    }
    pin_to_first_processor();
  }
  RoundTrips(const RoundTrips&) = delete;
  RoundTrips& operator=(const RoundTrips&) = delete;
  ~RoundTrips() {
    const char quit = 'q';
    if (write(ours_[1], &quit, 1) == 1) waitpid(child_, nullptr, 0);
    for (const int fd : {ours_[0], ours_[1], theirs_[0], theirs_[1]}) close(fd);
  }

  // Of both ends, so far: what others do on the processor meanwhile is not in it.
  std::uint64_t cpu_ns() const {
    clockid_t theirs = 0;
    if (clock_getcpuclockid(child_, &theirs) != 0) std::abort();
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) + clock_ns(theirs);
  }

  void once() {
    char byte = 'x';
    if (write(ours_[1], &byte, 1) != 1 || read(ours_[0], &byte, 1) != 1) std::abort();
  }

 private:
  void open_pipes() {
    int there[2];
    int back[2];
    if (pipe(there) != 0 || pipe(back) != 0) std::abort();
    ours_[0] = back[0], ours_[1] = there[1];
    theirs_[0] = there[0], theirs_[1] = back[1];
  }

  void open_connection() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, name, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, name, &length) != 0) {
      std::abort();
    }
    ours_[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(ours_[0], name, length) != 0) std::abort();
    theirs_[0] = accept(listener, nullptr, nullptr);
    close(listener);
    for (const int fd : {ours_[0], theirs_[0]}) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    ours_[1] = dup(ours_[0]);
    theirs_[1] = dup(theirs_[0]);
  }

  int ours_[2] = {-1, -1};
  int theirs_[2] = {-1, -1};
  pid_t child_ = -1;
};

constexpr std::size_t kTripsOfTurn = 4000;
constexpr std::array<const char*, 4> kModes = {"bare", "probed", "one_hook", "three_hooks"};

double turn_ns(RoundTrips& trips) {
  for (int i = 0; i < 200; ++i) trips.once();
  const std::uint64_t before = trips.cpu_ns();
  for (std::size_t i = 0; i < kTripsOfTurn; ++i) trips.once();
  return static_cast<double>(trips.cpu_ns() - before) / kTripsOfTurn;
}

double turn_ns_under(const std::string& mode, RoundTrips& trips) {
  std::unique_ptr<Probes> probes;
  std::unique_ptr<OneHook> one_hook;
  std::unique_ptr<ThreeHooks> three_hooks;
  if (mode == "probed") probes = running_probes();
  if (mode == "one_hook") one_hook = std::make_unique<OneHook>();
  if (mode == "three_hooks") three_hooks = std::make_unique<ThreeHooks>();
  return turn_ns(trips);
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

struct Turns {
  std::vector<double> ns;
  std::vector<double> lost_percent;  // over the bare turns beside each
};

std::map<std::string, Turns> turns_of(const std::string& way, int turns) {
  RoundTrips trips(way);
  std::map<std::string, Turns> all;
  double before_ns = turn_ns_under("bare", trips);
  for (int turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 1; i < kModes.size(); ++i) {
      const double ns = turn_ns_under(kModes[i], trips);
      const double after_ns = turn_ns_under("bare", trips);
      all[kModes[i]].ns.push_back(ns);
      all[kModes[i]].lost_percent.push_back(100 * (2 * ns / (before_ns + after_ns) - 1));
      all["bare"].ns.push_back(after_ns);
      before_ns = after_ns;
    }
  }
  return all;
}

// Something of every kind that a benchmark may cause on a host that others use too.
void cause_events() {
  for (const char* way : {"pipe", "tcp"}) {
    RoundTrips trips(way);
    for (int i = 0; i < 20000; ++i) trips.once();
  }
  for (int i = 0; i < 300; ++i) {
    RoundTrips one("tcp");
    one.once();
  }
  for (int i = 0; i < 200; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/true", "true", nullptr);
      _exit(1);
    }
    waitpid(child, nullptr, 0);
    std::thread([] {}).join();
  }
  char path[] = "notch-ebpf-bench.XXXXXX";
  const int fd = mkstemp(path);
  unlink(path);
  for (int i = 0; i < 100; ++i) {
    if (pwrite(fd, path, sizeof path, 0) > 0) fdatasync(fd);
  }
  close(fd);
}

// ns for an event, of every program that saw at least a hundred.
std::map<std::string, double> program_costs() {
  std::map<std::string, double> costs;
  const std::unique_ptr<Probes> probes = running_probes();
  const int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
  cause_events();
  for (int i = 0; i < 10; ++i) probes->families();
  for (const auto& probe : probes->all()) {
    for (const auto& program : probe->object().programs()) {
      bpf_prog_info info{};
      __u32 length = sizeof info;
      if (bpf_obj_get_info_by_fd(program.descriptor, &info, &length) != 0 || info.run_cnt < 100)
        continue;
      costs[std::string(probe->name()) + "." + program.name] =
          static_cast<double>(info.run_time_ns) / static_cast<double>(info.run_cnt);
    }
  }
  close(stats);
  return costs;
}

// A cost was measured before: the benchmark only reports it.
void report(benchmark::State& state, double cost_ns) {
  for (auto _ : state) state.SetIterationTime(cost_ns / 1e9);
}

void report_turns(benchmark::State& state, const Turns& turns) {
  report(state, quantile(turns.ns, 0.5));
  if (turns.lost_percent.empty()) return;
  state.counters["lost_percent"] = quantile(turns.lost_percent, 0.5);
  state.counters["lost_percent_quarter"] = quantile(turns.lost_percent, 0.25);
  state.counters["lost_percent_three_quarters"] = quantile(turns.lost_percent, 0.75);
}

void add_row(const std::string& name, auto report_it, auto figure) {
  benchmark::RegisterBenchmark(name.c_str(), report_it, figure)->UseManualTime()->Iterations(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (geteuid() != 0) {
    std::fprintf(stderr, "ebpf_bench: loading programs is root's\n");
    return 77;
  }
  const char* const text = std::getenv("NOTCH_BENCH_TURNS");
  const int turns = text != nullptr ? std::max(1, std::atoi(text)) : 60;
  for (const auto& [name, cost_ns] : program_costs()) add_row("program/" + name, report, cost_ns);
  for (const char* way : {"pipe", "tcp"}) {
    for (const auto& [mode, figures] : turns_of(way, turns))
      add_row(std::string(way) + "_round_trip/" + mode, report_turns, figures);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
