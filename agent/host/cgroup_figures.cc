#include "agent/host/cgroup_figures.h"

#include <array>
#include <map>
#include <set>
#include <string>

#include "agent/host/cgroup_text.h"
#include "agent/host/family_list.h"
#include "agent/host/fields.h"
#include "agent/host/host_files.h"
#include "agent/host/pressure.h"
#include "agent/processes/process_text.h"

namespace notch::agent {
namespace {

struct CgroupFamily {
  MetricType type;
  std::string_view name;
  std::string_view help;
};
enum Figure : std::uint8_t {
  kCpu,
  kPeriods,
  kThrottledPeriods,
  kThrottled,
  kMemory,
  kOomKills,
  kCpuWaiting,
  kIoWaiting,
  kIoStalled,
  kMemoryWaiting,
  kMemoryStalled,
  kFigures,
};
constexpr CgroupFamily kFamilies[kFigures] = {
    {MetricType::kCounter, "cgroup_cpu_usage_seconds_total", "Processor time of the cgroup."},
    {MetricType::kCounter, "cgroup_cpu_periods_total",
     "Periods of the cgroup's processor limit in which it ran."},
    {MetricType::kCounter, "cgroup_cpu_throttled_periods_total",
     "Periods in which the cgroup was held back by its processor limit."},
    {MetricType::kCounter, "cgroup_cpu_throttled_seconds_total",
     "Time the cgroup was held back by its processor limit."},
    {MetricType::kGauge, "cgroup_memory_usage_bytes", "Memory charged to the cgroup."},
    {MetricType::kCounter, "cgroup_memory_oom_kills_total",
     "Processes of the cgroup killed for want of memory."},
    {MetricType::kCounter, "cgroup_pressure_cpu_waiting_seconds_total",
     "Time in which some task of the cgroup waited for a processor."},
    {MetricType::kCounter, "cgroup_pressure_io_waiting_seconds_total",
     "Time in which some task of the cgroup waited for input or output."},
    {MetricType::kCounter, "cgroup_pressure_io_stalled_seconds_total",
     "Time in which all tasks of the cgroup waited for input or output."},
    {MetricType::kCounter, "cgroup_pressure_memory_waiting_seconds_total",
     "Time in which some task of the cgroup waited for memory."},
    {MetricType::kCounter, "cgroup_pressure_memory_stalled_seconds_total",
     "Time in which all tasks of the cgroup waited for memory."},
};

using Figures = std::map<std::string, std::array<std::optional<double>, kFigures>>;  // by path

void put(std::optional<double>& figure, const std::optional<std::uint64_t>& value, double unit) {
  if (value) figure = static_cast<double>(*value) / unit;
}

class Reading {
 public:
  explicit Reading(const HostPaths& paths) : files_(paths) {}

  void read(const CgroupPaths& paths) {
    // v1 first: what v2 tells too is v2's.
    if (!paths.cpuacct.empty()) read_cpuacct(paths.cpuacct);
    if (!paths.cpu.empty()) read_cpu(paths.cpu);
    if (!paths.memory.empty()) read_memory(paths.memory);
    if (!paths.unified.empty()) read_unified(paths.unified);
  }
  bool full() const { return figures.size() >= kMostCgroups; }
  std::uint64_t cut_texts() const { return files_.cut_texts(); }
  std::string text_of_process(std::uint32_t pid, const char* file) {
    return std::string(
        files_.line_of(files_.proc_path(std::to_string(pid) + "/" + file)).value_or(""));
  }

  Figures figures;

 private:
  std::string text(const std::string& hierarchy, const std::string& path, const char* file) {
    const std::string folder = files_.sys_path("fs/cgroup" + hierarchy) + path;
    return std::string(files_.line_of(folder + "/" + file).value_or(""));
  }
  void read_cpuacct(const std::string& path) {
    put(figures[path][kCpu], whole_number(text("/cpuacct", path, "cpuacct.usage")), 1e9);
  }
  void read_cpu(const std::string& path) {
    const std::string stat = text("/cpu", path, "cpu.stat");
    auto& into = figures[path];
    put(into[kPeriods], keyed_number(stat, "nr_periods"), 1);
    put(into[kThrottledPeriods], keyed_number(stat, "nr_throttled"), 1);
    put(into[kThrottled], keyed_number(stat, "throttled_time"), 1e9);
  }
  void read_memory(const std::string& path) {
    auto& into = figures[path];
    put(into[kMemory], whole_number(text("/memory", path, "memory.usage_in_bytes")), 1);
    put(into[kOomKills], keyed_number(text("/memory", path, "memory.oom_control"), "oom_kill"), 1);
  }
  void read_unified(const std::string& path) {
    // On a hybrid host the second hierarchy is mounted among those of v1.
    const std::string hybrid = "/unified";
    const bool is_hybrid = !text(hybrid, "", "cgroup.procs").empty() ||
                           files_.line_of(files_.sys_path("fs/cgroup/unified/cgroup.controllers"));
    const std::string hierarchy = is_hybrid ? hybrid : "";
    auto& into = figures[path];
    const std::string stat = text(hierarchy, path, "cpu.stat");
    put(into[kCpu], keyed_number(stat, "usage_usec"), 1e6);
    put(into[kPeriods], keyed_number(stat, "nr_periods"), 1);
    put(into[kThrottledPeriods], keyed_number(stat, "nr_throttled"), 1);
    put(into[kThrottled], keyed_number(stat, "throttled_usec"), 1e6);
    put(into[kMemory], whole_number(text(hierarchy, path, "memory.current")), 1);
    put(into[kOomKills], keyed_number(text(hierarchy, path, "memory.events"), "oom_kill"), 1);
    const auto pressure = [&](const char* file, Figure waiting, Figure stalled) {
      const PressureTotals totals = parse_pressure(text(hierarchy, path, file));
      put(into[waiting], totals.some_us, 1e6);
      if (stalled != kFigures) put(into[stalled], totals.full_us, 1e6);
    };
    pressure("cpu.pressure", kCpuWaiting, kFigures);
    pressure("io.pressure", kIoWaiting, kIoStalled);
    pressure("memory.pressure", kMemoryWaiting, kMemoryStalled);
  }

  HostFiles files_;
};

void add_services(FamilyList& families,
                  const std::set<std::pair<std::string, std::string>>& services) {
  families.begin_whole_name(MetricType::kGauge, "cgroup_service_info",
                            "Services that have processes in the cgroup; always 1.");
  for (const auto& [cgroup, service] : services) {
    families.add(1, {{"cgroup", cgroup}, {"service", service}});
  }
}

}  // namespace

Snapshot cgroup_figures(std::span<const AttachedProcess> attached, const HostPaths& paths,
                        HostDrops& drops) {
  FamilyList families("", drops);
  families.begin_collector("cgroups");
  Reading reading(paths);
  std::set<CgroupPaths> seen;
  std::set<CgroupPaths> left_out;
  std::set<std::pair<std::string, std::string>> services;
  for (const AttachedProcess& process : attached.first(std::min(attached.size(), kMostProcesses))) {
    const auto stat = parse_process_stat(reading.text_of_process(process.claim.pid, "stat"));
    if (!stat || stat->start_time_ticks != process.claim.start_time_ticks) continue;
    const CgroupPaths at = parse_cgroup_paths(reading.text_of_process(process.claim.pid, "cgroup"));
    if (!seen.contains(at) && reading.full()) {
      left_out.insert(at);
      continue;
    }
    for (const std::string& path : {at.unified, at.cpu, at.cpuacct, at.memory}) {
      if (!path.empty()) services.emplace(path, process.service);
    }
    if (seen.insert(at).second) reading.read(at);
  }
  families.dropped(HostDrop::kTooManyProcesses,
                   attached.size() - std::min(attached.size(), kMostProcesses));
  families.dropped(HostDrop::kTooManyCgroups, left_out.size());
  families.dropped(HostDrop::kTextTooLong, reading.cut_texts());
  for (std::size_t i = 0; i < kFigures; ++i) {
    families.begin(kFamilies[i].type, kFamilies[i].name, kFamilies[i].help);
    for (const auto& [path, figures] : reading.figures) {
      if (figures[i]) families.add(*figures[i], {{"cgroup", path}});
    }
  }
  add_services(families, services);
  return families.finish();
}

}  // namespace notch::agent
