// The attached processes' use of the host, by service: processor, memory, faults, descriptors,
// threads, context switches, input and output. The agent reads it from /proc, at no cost to them. Called by: daemon, after each sweep (sample) and per scrape (families).
//
// Invariants
//   PF1  A service's counters never fall while the agent runs: they are sums of what each process
//        did between two samples, charged to the service it had then, and stay when it is gone.
//   PF2  A process is charged once, however many segments name it, and across exec.
//   PF3  After a restart of the agent the sums start at zero, and of a process that is older than
//        the agent only what it does from then on is added: no scraper sees an increase twice.
//   PF4  One call of sample() reads at most kMostPerRound processes; the others wait for the next.
//   PF5  A segment of one user that names a process of another takes nothing from that one's
//        figures.
//
//   PF6  Coverage holds the same stretch of a process's life against itself: both numbers are taken
//        and charged at once, or neither.
//
// The use of a process after its last sample is lost, unless the sweep that finds it dead comes before
// its parent has waited for it.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/processes/attached_process.h"
#include "agent/processes/process_sample.h"
#include "agent/services/service_names.h"

namespace notch::agent {

// A process that is what its segment says it is.
struct ProvenProcess {
  std::uint32_t pid = 0;
  std::uint32_t owner_uid = 0;  // of the segment's file
  std::string_view service;     // valid until the next sample()
  bool older_than_agent = false;
  std::uint64_t start_time_ticks = 0;
};

struct ProcessFiguresOptions {
  bool per_process = false;       // rows by process, with a label pid, gone with it
  std::uint64_t retention_s = 0;  // of services without a living process; 0: for ever
  std::uint64_t interval_s = 15;  // between two samples of a process
  Accounts* accounts = nullptr;   // must outlive the figures
};

class ProcessFigures {
 public:
  static constexpr std::size_t kMostPerRound = 256;

  explicit ProcessFigures(const ProcessFiguresOptions& options);

  // `attached`: all that live now; of two of one owner that name one process the later counts.
  // Samples a last time those that are gone, then the new and those whose interval is over.
  // `now_s`: of a clock that does not step.
  void sample(std::span<const AttachedProcess> attached, std::uint64_t now_s);

  // Moves these services' counts to their new names. To be called before the sample() that has the new
  // names.
  void rename(std::span<const ServiceRename> renames);

  std::vector<prometheus::MetricFamily> families() const;

  // For services with the preloaded library: the share of the bytes that the kernel counted for their
  // processes (read and written by system calls) that passed the library's wrappers.
  std::map<std::string, double> coverage() const;

  // Those that live, in the agent's own PID namespace, and are what their segment claims.
  std::vector<ProvenProcess> proven() const;

  // How sampling went, over all samples.
  const OutcomeCounts& outcomes() const noexcept { return outcomes_; }

  // Threads past kMostThreads of their process, whose context switches are not counted; over all
  // samples.
  std::uint64_t left_out_threads() const noexcept { return left_out_threads_; }

 private:
  struct Key {
    std::uint64_t pid_namespace = 0;
    std::uint32_t pid = 0;
    std::uint64_t start_time_ticks = 0;

    auto operator<=>(const Key&) const = default;
  };
  // A process under the preloaded library: both of one moment.
  struct Coverage {
    std::uint64_t passed_bytes = 0;  // that the library saw
    std::uint64_t kernel_bytes = 0;  // that the kernel counted
  };
  struct Process {
    std::string service;
    std::optional<std::uint64_t> passed_bytes;  // now, if the library is there
    std::optional<Coverage> covered;            // as far as it is charged
    std::uint32_t owner_uid = 0;
    bool attached = false;
    bool was_attached = false;  // in the round before; then its last sample is due
    ProcessOutcome outcome = ProcessOutcome::kGone;  // of the last sample
    bool lives = false;                              // then
    std::uint64_t next_s = 0;
    CounterValues counters;  // as far as they are charged
    GaugeValues gauges;
    SwitchesSoFar switches;

    bool shown() const { return attached && lives; }
  };
  struct Service {
    CounterValues counters;
    std::optional<Coverage> covered;
    std::uint64_t last_seen_s = 0;
  };
  using Processes = std::map<Key, Process>;

  void take(std::span<const AttachedProcess> attached);
  void read(const Key& key, Process& process, std::uint64_t now_s);
  void charge(const Key& key, Process& process, const CounterValues& now);
  void charge_coverage(const Key& key, Process& process, const CounterValues& now);
  bool look(const Key& key, Process& process, std::uint64_t now_s);
  void sample_last(std::size_t& left, std::uint64_t now_s);
  void sample_due(std::size_t& left, std::uint64_t now_s);
  void retire_services(std::uint64_t now_s);
  Service& service_of(const Process& process);

  // Constant.
  const ProcessFiguresOptions options_;
  const std::uint64_t pid_namespace_;
  const std::uint64_t own_start_ticks_;
  const double ticks_per_s_;
  const double boot_unix_s_;

  Processes processes_;  // attached, or between two programs
  ServiceNames names_;   // of services_
  std::map<std::string, Service, std::less<>> services_;
  Key next_;  // where the next round begins
  OutcomeCounts outcomes_{};
  std::uint64_t left_out_threads_ = 0;
};

}  // namespace notch::agent
