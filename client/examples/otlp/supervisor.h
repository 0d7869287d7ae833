// Starts the collector and the workers, kills workers at random, replaces what died, and stops
// everything in order. Called by: otlp_demo.cc, in a process with one thread.
//
// Invariants
//   OS1  A slot of truth belongs to one living worker; it is taken into the totals when that worker
//        has been waited for, and only then given to the next.
//   OS2  Every child dies with the supervisor, however that ends: the kernel sees to it.
//   OS3  When run() returns, no child is left.
#pragma once

#include <sys/types.h>

#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "client/examples/otlp/batch_rules.h"
#include "client/examples/otlp/collector.h"
#include "client/examples/otlp/demo_options.h"
#include "client/examples/otlp/demo_report.h"

namespace otlp_demo {

class Supervisor {
 public:
  explicit Supervisor(const DemoOptions& options);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  // Nothing if it can run, else what it could not get.
  const std::optional<std::string>& problem() const noexcept { return problem_; }

  // Until SIGTERM, SIGINT or the end of --for. REQUIRES: no problem(). Call once.
  DemoReport run();

 private:
  void start_worker(std::size_t slot);
  void start_collector();
  void wait_for_event(Clock::time_point until);
  void reap();
  void worker_ended(std::size_t slot, int wait_status);
  void kill_one();
  void stop();
  bool reap_until(Clock::time_point deadline);
  std::size_t living() const;
  Clock::time_point soon(std::chrono::milliseconds mean);

  const DemoOptions options_;
  const ReservedPort port_;            // of our own collector
  const Endpoint endpoint_;            // where spans go: there, or to another's
  std::span<TruthSlot> truth_;         // shared with the workers, one a slot
  std::span<CollectorCounts> counts_;  // one, shared with the collector
  std::vector<pid_t> workers_;         // by slot; 0: none
  std::vector<bool> killed_;           // by slot: we did it
  pid_t collector_ = 0;                // 0: none
  Clock::time_point collector_at_{};   // when to start the next, while there is none
  Clock::time_point kill_at_ = Clock::time_point::max();
  bool stopping_ = false;
  bool stop_asked_ = false;
  std::mt19937_64 random_;
  DemoReport report_;
  std::optional<std::string> problem_;
};

}  // namespace otlp_demo
