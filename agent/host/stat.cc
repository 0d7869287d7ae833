#include "agent/host/stat.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {

KernelCounts parse_kernel_counts(std::string_view proc_stat) {
  KernelCounts counts;
  for (std::string_view line : ProcLines(proc_stat)) {
    const std::string_view key = take_word(line);
    std::optional<std::uint64_t>* const wanted = key == "intr"            ? &counts.interrupts
                                                 : key == "ctxt"          ? &counts.context_switches
                                                 : key == "processes"     ? &counts.forks
                                                 : key == "btime"         ? &counts.boot_time_unix_s
                                                 : key == "procs_running" ? &counts.running
                                                 : key == "procs_blocked" ? &counts.blocked
                                                                          : nullptr;
    if (wanted != nullptr) *wanted = whole_number(take_word(line));
  }
  return counts;
}

CollectResult collect_stat(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("stat");
  if (!text) return CollectResult::failed(files.error());
  const KernelCounts counts = parse_kernel_counts(*text);
  if (!counts.boot_time_unix_s) return CollectResult::failed("stat: no boot time");
  const auto add = [&](MetricType type, std::string_view name, std::string_view help,
                       const std::optional<std::uint64_t>& value) {
    families.begin(type, name, help);
    if (value) families.add(static_cast<double>(*value));
  };
  add(MetricType::kCounter, "intr_total", "Total number of interrupts serviced.",
      counts.interrupts);
  add(MetricType::kCounter, "context_switches_total", "Total number of context switches.",
      counts.context_switches);
  add(MetricType::kCounter, "forks_total", "Total number of forks.", counts.forks);
  add(MetricType::kGauge, "boot_time_seconds", "Node boot time, in unixtime.",
      counts.boot_time_unix_s);
  add(MetricType::kGauge, "procs_running", "Number of processes in runnable state.",
      counts.running);
  add(MetricType::kGauge, "procs_blocked",
      "Number of processes blocked waiting for I/O to complete.", counts.blocked);
  return CollectResult::done();
}

}  // namespace notch::agent
