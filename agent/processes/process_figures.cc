#include "agent/processes/process_figures.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/files/proc_text.h"
#include "agent/processes/process_end.h"
#include "agent/processes/process_text.h"

namespace notch::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// A process that started in no later tick is older than the agent. Without /proc all are.
std::uint64_t own_start_ticks() {
  const auto stat = parse_process_stat(read_proc("/proc/self/stat"));
  return stat ? stat->start_time_ticks : UINT64_MAX;
}

// The families of counters: one row per counter, told apart by a label.
struct CounterFamily {
  const char* name;
  const char* help;
  const char* label;
  std::array<std::pair<const char*, ProcessCounter>, 2> rows;
};
constexpr std::array<CounterFamily, 5> kCounterFamilies = {{
    {"process_cpu_time_seconds_total",
     "Processor time of the attached processes, by mode.",
     "cpu_mode",
     {{{"user", ProcessCounter::kUserTicks}, {"system", ProcessCounter::kSystemTicks}}}},
    {"process_paging_faults_total",
     "Page faults of the attached processes; major ones waited for a disk.",
     "system_paging_fault_type",
     {{{"minor", ProcessCounter::kMinorFaults}, {"major", ProcessCounter::kMajorFaults}}}},
    {"process_context_switches_total",
     "Context switches of the attached processes' threads.",
     "process_context_switch_type",
     {{{"voluntary", ProcessCounter::kVoluntarySwitches},
       {"involuntary", ProcessCounter::kInvoluntarySwitches}}}},
    {"process_disk_io_bytes_total",
     "Bytes the attached processes made the kernel read from and write to disks.",
     "disk_io_direction",
     {{{"read", ProcessCounter::kDiskReadBytes}, {"write", ProcessCounter::kDiskWrittenBytes}}}},
    {"process_io_bytes_total",
     "Bytes the attached processes read and wrote by system calls, of whatever kind.",
     "io_direction",
     {{{"read", ProcessCounter::kCharsRead}, {"write", ProcessCounter::kCharsWritten}}}},
}};

struct GaugeFamily {
  const char* name;
  const char* help;
  ProcessGauge gauge;
};
constexpr std::array<GaugeFamily, kProcessGauges> kGaugeFamilies = {{
    {"process_memory_usage_bytes", "Resident memory of the attached processes.",
     ProcessGauge::kResidentBytes},
    {"process_memory_virtual_bytes", "Address space of the attached processes.",
     ProcessGauge::kVirtualBytes},
    {"process_thread_count", "Threads of the attached processes.", ProcessGauge::kThreads},
    {"process_unix_file_descriptor_count", "Open file descriptors of the attached processes.",
     ProcessGauge::kDescriptors},
}};

constexpr const char* kCreationName = "process_creation_time_seconds";
constexpr const char* kCreationHelp = "When the attached processes started, in unix seconds.";

// One row of each family: a service's, or a process's.
struct Row {
  std::vector<ClientMetric::Label> labels;
  CounterValues counters;
  GaugeValues gauges;
  std::vector<std::pair<std::string, double>> creation;  // label `which`, if any, and the time
};

void add_row(MetricFamily& family, std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  metric.counter.value = value;
  metric.gauge.value = value;
}

std::vector<ClientMetric::Label> with(std::vector<ClientMetric::Label> labels,
                                      const std::string& name, const std::string& value) {
  labels.push_back({name, value});
  return labels;
}

MetricFamily new_family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void add_if_any(std::vector<MetricFamily>& families, MetricFamily family) {
  if (!family.metric.empty()) families.push_back(std::move(family));
}

std::vector<MetricFamily> families_of(const std::vector<Row>& rows, double ticks_per_s) {
  std::vector<MetricFamily> families;
  for (const CounterFamily& declared : kCounterFamilies) {
    MetricFamily family = new_family(declared.name, declared.help, MetricType::Counter);
    for (const Row& row : rows) {
      for (const auto& [value, counter] : declared.rows) {
        const auto& number = row.counters[static_cast<std::size_t>(counter)];
        if (!number) continue;
        const bool ticks =
            counter == ProcessCounter::kUserTicks || counter == ProcessCounter::kSystemTicks;
        add_row(family, with(row.labels, declared.label, value),
                static_cast<double>(*number) / (ticks ? ticks_per_s : 1));
      }
    }
    add_if_any(families, std::move(family));
  }
  for (const GaugeFamily& declared : kGaugeFamilies) {
    MetricFamily family = new_family(declared.name, declared.help, MetricType::Gauge);
    for (const Row& row : rows) {
      const auto& number = row.gauges[static_cast<std::size_t>(declared.gauge)];
      if (number) add_row(family, row.labels, static_cast<double>(*number));
    }
    add_if_any(families, std::move(family));
  }
  MetricFamily creation = new_family(kCreationName, kCreationHelp, MetricType::Gauge);
  for (const Row& row : rows) {
    for (const auto& [which, unix_s] : row.creation) {
      add_row(creation, which.empty() ? row.labels : with(row.labels, "which", which), unix_s);
    }
  }
  add_if_any(families, std::move(creation));
  return families;
}

// Both arrays of a row are sums of this kind.
template <class Values>
void add(Values& sums, const Values& values) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (values[i]) sums[i] = sums[i].value_or(0) + *values[i];
  }
}

void widen(Row& row, double creation_unix_s) {
  if (row.creation.empty()) {
    row.creation = {{"oldest", creation_unix_s}, {"newest", creation_unix_s}};
  }
  row.creation[0].second = std::min(row.creation[0].second, creation_unix_s);
  row.creation[1].second = std::max(row.creation[1].second, creation_unix_s);
}

}  // namespace

ProcessFigures::ProcessFigures(const ProcessFiguresOptions& options)
    : options_(options),
      pid_namespace_(own_pid_namespace()),
      own_start_ticks_(own_start_ticks()),
      ticks_per_s_(static_cast<double>(::sysconf(_SC_CLK_TCK))),
      boot_unix_s_(static_cast<double>(parse_boot_time_s(read_proc("/proc/stat")).value_or(0))),
      names_(ServiceNames::kMostOfUser, ServiceNames::kMost, options.accounts) {}

void ProcessFigures::sample(std::span<const AttachedProcess> attached, std::uint64_t now_s) {
  for (auto& [key, process] : processes_) {
    process.was_attached = std::exchange(process.attached, false) || process.was_attached;
  }
  take(attached);
  std::size_t left = kMostPerRound;
  sample_last(left, now_s);
  sample_due(left, now_s);
  retire_services(now_s);
}

void ProcessFigures::rename(std::span<const ServiceRename> renames) {
  names_.rename(renames);
  rename_keys(renames, services_);
  for (auto& [key, process] : processes_) {
    const auto found = std::ranges::find(renames, process.service, &ServiceRename::from);
    if (found != renames.end() && !found->to.empty()) process.service = found->to;
  }
}

void ProcessFigures::take(std::span<const AttachedProcess> attached) {
  std::vector<std::pair<const AttachedProcess*, Process*>> others;
  const auto hold = [](Process& process, const AttachedProcess& claimed) {
    process.attached = true;
    process.was_attached = false;
    process.owner_uid = claimed.claim.owner_uid;
    process.service = claimed.service;
    process.passed_bytes = claimed.passed_bytes;
  };
  for (const AttachedProcess& claimed : attached) {
    const ProcessClaim& claim = claimed.claim;
    const auto [found, is_new] =
        processes_.try_emplace(Key{claimed.pid_namespace, claim.pid, claim.start_time_ticks});
    if (is_new || found->second.owner_uid == claim.owner_uid) {
      hold(found->second, claimed);
    } else {
      others.emplace_back(&claimed, &found->second);
    }
  }
  // Another owner's claim counts if nobody's holds that has proved right. (A process can change its
  // user; and whoever lies may have come first.)
  for (const auto& [claimed, process] : others) {
    if (process->attached && process->outcome == ProcessOutcome::kRead) continue;
    hold(*process, *claimed);
    process->next_s = 0;
  }
}

// Samples, and charges what was done since the last time.
void ProcessFigures::read(const Key& key, Process& process, std::uint64_t now_s) {
  process.next_s = now_s + options_.interval_s;
  ProcessSample now;
  if (key.pid_namespace != pid_namespace_) {
    now.outcome = ProcessOutcome::kOtherNamespace;
  } else {
    now = sample_process({key.pid, key.start_time_ticks, process.owner_uid}, process.switches);
  }
  ++outcomes_[static_cast<std::size_t>(now.outcome)];
  left_out_threads_ += now.left_out_threads;
  process.outcome = now.outcome;
  process.lives = now.outcome == ProcessOutcome::kRead && !now.exited;
  if (now.outcome != ProcessOutcome::kRead) return;
  charge(key, process, now.counters);
  if (process.attached) charge_coverage(key, process, now.counters);
  process.gauges = now.gauges;
  service_of(process).last_seen_s = now_s;
}

void ProcessFigures::charge(const Key& key, Process& process, const CounterValues& now) {
  CounterValues& sums = service_of(process).counters;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (!now[i]) continue;
    const bool is_older = key.start_time_ticks < own_start_ticks_;
    const std::uint64_t charged = process.counters[i].value_or(is_older ? *now[i] : 0);
    sums[i] = sums[i].value_or(0) + (*now[i] > charged ? *now[i] - charged : 0);
    process.counters[i] = now[i];
  }
}

void ProcessFigures::charge_coverage(const Key& key, Process& process, const CounterValues& now) {
  const auto& read = now[static_cast<std::size_t>(ProcessCounter::kCharsRead)];
  const auto& written = now[static_cast<std::size_t>(ProcessCounter::kCharsWritten)];
  if (!process.passed_bytes || !read || !written) return;
  const Coverage at = {*process.passed_bytes, *read + *written};
  if (!process.covered) {
    process.covered = key.start_time_ticks < own_start_ticks_ ? at : Coverage{};
  }
  Coverage& before = *process.covered;
  // Less than before: another program's segment, which began at nothing.
  if (at.passed_bytes < before.passed_bytes) before.passed_bytes = 0;
  std::optional<Coverage>& sum = service_of(process).covered;
  if (!sum) sum = Coverage{};
  sum->passed_bytes += at.passed_bytes - before.passed_bytes;
  sum->kernel_bytes += at.kernel_bytes - std::min(before.kernel_bytes, at.kernel_bytes);
  before = at;
}

std::map<std::string, double> ProcessFigures::coverage() const {
  std::map<std::string, double> ratios;
  for (const auto& [name, service] : services_) {
    if (!service.covered || service.covered->kernel_bytes == 0) continue;
    ratios[name] = static_cast<double>(service.covered->passed_bytes) /
                   static_cast<double>(service.covered->kernel_bytes);
  }
  return ratios;
}

std::vector<ProvenProcess> ProcessFigures::proven() const {
  std::vector<ProvenProcess> proven;
  for (const auto& [key, process] : processes_) {
    if (process.shown())
      proven.push_back({key.pid, process.owner_uid, process.service,
                        key.start_time_ticks < own_start_ticks_, key.start_time_ticks});
  }
  return proven;
}

ProcessFigures::Service& ProcessFigures::service_of(const Process& process) {
  return services_[names_.shown(process.owner_uid, process.service)];
}

// Those whose segments are gone. Where the process has become another program it is known on, so
// that nothing is charged twice if that one counts too.
void ProcessFigures::sample_last(std::size_t& left, std::uint64_t now_s) {
  for (auto it = processes_.begin(); it != processes_.end() && left > 0;) {
    Process& process = it->second;
    if (!process.was_attached) {
      ++it;
      continue;
    }
    process.was_attached = false;
    --left;
    read(it->first, process, now_s);
    it = process.lives ? std::next(it) : processes_.erase(it);
  }
}

// False if the process is to be forgotten.
bool ProcessFigures::look(const Key& key, Process& process, std::uint64_t now_s) {
  if (process.attached) {
    read(key, process, now_s);
    return true;
  }
  process.next_s = now_s + options_.interval_s;
  return process_runs(key.pid, key.start_time_ticks);
}

void ProcessFigures::sample_due(std::size_t& left, std::uint64_t now_s) {
  auto it = processes_.lower_bound(next_);
  for (std::size_t seen = processes_.size(); seen > 0 && left > 0; --seen) {
    if (it == processes_.end()) it = processes_.begin();
    if (it->second.was_attached || it->second.next_s > now_s) {
      ++it;
      continue;
    }
    --left;
    it = look(it->first, it->second, now_s) ? std::next(it) : processes_.erase(it);
  }
  next_ = it == processes_.end() ? Key{} : it->first;
}

void ProcessFigures::retire_services(std::uint64_t now_s) {
  for (const auto& [key, process] : processes_) {
    if (process.shown()) service_of(process).last_seen_s = now_s;
  }
  if (options_.retention_s == 0) return;
  std::erase_if(services_, [&](const auto& service) {
    const bool retired = service.second.last_seen_s + options_.retention_s < now_s;
    if (retired) names_.forget(service.first);
    return retired;
  });
}

std::vector<MetricFamily> ProcessFigures::families() const {
  std::vector<Row> by_process;
  std::map<std::string_view, Row> by_service;
  for (const auto& [name, service] : services_) {
    if (options_.per_process) break;
    by_service[name] = {{{"service", name}}, service.counters, {}, {}};
  }
  for (const auto& [key, process] : processes_) {
    if (!process.shown()) continue;
    const double creation = boot_unix_s_ + static_cast<double>(key.start_time_ticks) / ticks_per_s_;
    if (options_.per_process) {
      by_process.push_back({{{"service", process.service}, {"pid", std::to_string(key.pid)}},
                            process.counters,
                            process.gauges,
                            {{"", creation}}});
      continue;
    }
    auto found = by_service.find(process.service);
    if (found == by_service.end()) found = by_service.find(ServiceNames::kOthers);
    if (found == by_service.end()) continue;
    add(found->second.gauges, process.gauges);
    widen(found->second, creation);
  }
  for (auto& [name, row] : by_service) by_process.push_back(std::move(row));
  return families_of(by_process, ticks_per_s_);
}

}  // namespace notch::agent
