#include "client/examples/otlp/supervisor.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "client/examples/otlp/worker.h"

namespace otlp_demo {
namespace {

constexpr std::chrono::seconds kStopPatience{6};  // and an attempt's
constexpr std::chrono::milliseconds kCollectorDown{800};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

Endpoint own_endpoint(std::uint16_t port) {
  const std::string number = std::to_string(port);
  return {"127.0.0.1", number, "127.0.0.1:" + number, "/v1/traces"};
}

// Memory that children share with us, each element as it begins; none if there is none to be had.
template <class T>
std::span<T> shared_memory(std::size_t count) {
  void* const memory =
      ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {};
  const std::span<T> all(static_cast<T*>(memory), count);
  for (T& one : all) new (&one) T;
  return all;
}

// fork(), and in the child: dies with its parent, stands in a process group of its own so that a
// terminal's Ctrl-C is the supervisor's alone, and never returns.
template <class Body>
pid_t fork_child(Body&& body) {
  std::fflush(nullptr);  // else the child prints what the parent had not yet
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  ::setpgid(0, 0);
  std::exit(body());
}

}  // namespace

Supervisor::Supervisor(const DemoOptions& options)
    : options_(options),
      endpoint_(options.target.endpoint ? *options.target.endpoint : own_endpoint(port_.number())),
      workers_(options.workers, 0),
      killed_(options.workers, false),
      random_(options.seed) {
  report_.seed = options.seed;
  if (port_.number() == 0) {
    problem_ = std::string("no TCP port on 127.0.0.1 for the collector: ") + std::strerror(errno);
    return;
  }
  truth_ = shared_memory<TruthSlot>(options.workers);
  counts_ = shared_memory<CollectorCounts>(1);
  if (truth_.empty() || counts_.empty()) {
    problem_ = std::string("no shared memory for the processes' counts: ") + std::strerror(errno);
    return;
  }
  const sigset_t set = watched_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Supervisor::~Supervisor() {
  if (!truth_.empty()) ::munmap(truth_.data(), truth_.size_bytes());
  if (!counts_.empty()) ::munmap(counts_.data(), counts_.size_bytes());
}

DemoReport Supervisor::run() {
  const Clock::time_point begun = Clock::now();
  const Clock::time_point end =
      options_.run_for.count() > 0 ? begun + options_.run_for : Clock::time_point::max();
  if (options_.kill_every.count() > 0) kill_at_ = soon(options_.kill_every);
  if (!options_.target.endpoint) start_collector();
  for (std::size_t slot = 0; slot < workers_.size(); ++slot) start_worker(slot);
  while (!stop_asked_ && Clock::now() < end) {
    const bool wants_collector = collector_ == 0 && !options_.target.endpoint;
    wait_for_event(std::min({end, kill_at_, wants_collector ? collector_at_ : end}));
    reap();
    if (wants_collector && Clock::now() >= collector_at_) start_collector();
    if (Clock::now() >= kill_at_) kill_one();
  }
  stop();
  report_.spans_taken = counts_[0].taken.load();
  report_.spans_refused = counts_[0].refused.load();
  report_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return report_;
}

void Supervisor::start_worker(std::size_t slot) {
  const WorkerPlan plan{endpoint_, options_.target.patience, random_(), options_.native,
                        &truth_[slot]};
  const pid_t child = fork_child([&] { return run_worker(plan); });
  if (child < 0) {
    std::fprintf(stderr, "otlp_demo: no worker: fork: %s\n", std::strerror(errno));
    report_.workers_died += 1;
    return;
  }
  workers_[slot] = child;
  killed_[slot] = false;
  report_.workers_started += 1;
}

void Supervisor::start_collector() {
  const CollectorPlan plan{port_.number(), random_(), counts_.data()};
  const pid_t child = fork_child([&] { return run_collector(plan); });
  collector_ = child > 0 ? child : 0;
  collector_at_ = soon(kCollectorDown);
  if (child > 0) report_.collectors_started += 1;
}

Clock::time_point Supervisor::soon(std::chrono::milliseconds mean) {
  const double factor = std::uniform_real_distribution<>(0.5, 1.5)(random_);
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(mean * factor);
}

void Supervisor::wait_for_event(Clock::time_point until) {
  const auto left =
      std::clamp<Clock::duration>(until - Clock::now(), Clock::duration(0), std::chrono::hours(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec wait{static_cast<time_t>(seconds.count()), (left - seconds).count()};
  const sigset_t set = watched_signals();
  const int signal = ::sigtimedwait(&set, nullptr, &wait);
  if (signal == SIGTERM || signal == SIGINT) stop_asked_ = true;
}

void Supervisor::reap() {
  int wait_status = 0;
  for (pid_t child; (child = ::waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    if (child == collector_) {
      collector_ = 0;
      if (!stopping_) report_.collectors_died += 1;
      collector_at_ = soon(kCollectorDown);
      continue;
    }
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      if (workers_[slot] == child) worker_ended(slot, wait_status);
    }
  }
}

void Supervisor::worker_ended(std::size_t slot, int wait_status) {
  report_.workers_ready += truth_[slot].ready.load();
  report_.workers_attached += truth_[slot].attached.load();
  report_.truth.take(truth_[slot]);
  workers_[slot] = 0;
  const bool in_order = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (!in_order && !killed_[slot]) {
    report_.workers_died += 1;
    // A worker whose metrics are refused would be refused again, for ever.
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kWorkerRefused) stop_asked_ = true;
  }
  if (stopping_ || stop_asked_) return;
  start_worker(slot);
  report_.workers_replaced += 1;
}

void Supervisor::kill_one() {
  kill_at_ = soon(options_.kill_every);
  const std::size_t slot =
      std::uniform_int_distribution<std::size_t>(0, workers_.size() - 1)(random_);
  if (workers_[slot] == 0 || killed_[slot]) return;
  killed_[slot] = true;
  if (::kill(workers_[slot], SIGKILL) == 0) report_.workers_killed += 1;
}

std::size_t Supervisor::living() const {
  return static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](pid_t pid) { return pid != 0; }));
}

bool Supervisor::reap_until(Clock::time_point deadline) {
  for (;;) {
    reap();
    if (living() == 0) return true;
    if (Clock::now() >= deadline) return false;
    wait_for_event(deadline);
  }
}

// Workers first, so that the collector can still take what they have.
void Supervisor::stop() {
  stopping_ = true;
  for (const pid_t worker : workers_) {
    if (worker != 0) ::kill(worker, SIGTERM);
  }
  if (!reap_until(Clock::now() + kStopPatience + options_.target.patience)) {
    for (std::size_t slot = 0; slot < workers_.size(); ++slot) {
      if (workers_[slot] == 0) continue;
      killed_[slot] = true;
      report_.workers_forced += 1;
      ::kill(workers_[slot], SIGKILL);
    }
    reap_until(Clock::time_point::max());
  }
  if (collector_ == 0) return;
  ::kill(collector_, SIGTERM);
  ::waitpid(collector_, nullptr, 0);
  collector_ = 0;
}

}  // namespace otlp_demo
