// What the kernel's probes cost: each program's time for an event, by the kernel's own measurement,
// and what round trips through a pipe and a TCP connection lose with all probes on. Called by:
// bench/run, as root.
//
// Rows: program/PROBE.PROGRAM (ns for an event, which includes the measurement's own 60 to 70 ns),
// and ROUND_TRIP/bare and ROUND_TRIP/probed, which bench/run interleaves.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "ebpf/probes.h"

namespace {

using notch::ebpf::Probes;

std::unique_ptr<Probes> running_probes() {
  auto probes = std::make_unique<Probes>();
  probes->start();
  for (const auto& state : probes->states()) {
    if (state.outcome.ok()) continue;
    std::fprintf(stderr, "no probe %s: %s\n", state.name, state.outcome.words.c_str());
    std::exit(1);
  }
  return probes;
}

void pin_to_first_processor() {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
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

void round_trip(benchmark::State& state, const std::string& way, bool probed) {
  std::unique_ptr<Probes> probes;
  if (probed) probes = running_probes();
  RoundTrips trips(way);
  for (int i = 0; i < 1000; ++i) trips.once();
  for (auto _ : state) trips.once();
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

}  // namespace

int main(int argc, char** argv) {
  if (geteuid() != 0) {
    std::fprintf(stderr, "ebpf_bench: loading programs is root's\n");
    return 77;
  }
  for (const auto& [name, cost_ns] : program_costs()) {
    benchmark::RegisterBenchmark(("program/" + name).c_str(), report, cost_ns)
        ->UseManualTime()
        ->Iterations(1);
  }
  for (const char* way : {"pipe", "tcp"}) {
    for (const bool probed : {false, true}) {
      const std::string name = std::string(way) + "_round_trip/" + (probed ? "probed" : "bare");
      benchmark::RegisterBenchmark(name.c_str(), round_trip, way, probed);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
