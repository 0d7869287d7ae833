#include "agent/host/schedstat.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr int kFieldsBefore = 6;  // of yields and wake-ups

}  // namespace

std::vector<CpuSchedule> parse_schedstat(std::string_view text) {
  std::vector<CpuSchedule> cpus;
  for (std::string_view line : ProcLines(text)) {
    std::string_view name = take_word(line);
    if (!name.starts_with("cpu")) continue;
    name.remove_prefix(3);
    for (int field = 0; field < kFieldsBefore; ++field) take_word(line);
    const auto running = whole_number(take_word(line));
    const auto waiting = whole_number(take_word(line));
    const auto timeslices = whole_number(take_word(line));
    if (!whole_number(name) || !running || !waiting || !timeslices) continue;
    cpus.push_back({name, *running, *waiting, *timeslices});
  }
  return cpus;
}

CollectResult collect_schedstat(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("schedstat");
  if (!text) {
    return files.missing() ? CollectResult::no_data() : CollectResult::failed(files.error());
  }
  const std::vector<CpuSchedule> cpus = parse_schedstat(*text);
  families.begin(MetricType::kCounter, "schedstat_running_seconds_total",
                 "Number of seconds CPU spent running a process.");
  for (const CpuSchedule& cpu : cpus) {
    families.add(static_cast<double>(cpu.running_ns) / 1e9, {{"cpu", cpu.cpu}});
  }
  families.begin(MetricType::kCounter, "schedstat_waiting_seconds_total",
                 "Number of seconds spent by processing waiting for this CPU.");
  for (const CpuSchedule& cpu : cpus) {
    families.add(static_cast<double>(cpu.waiting_ns) / 1e9, {{"cpu", cpu.cpu}});
  }
  families.begin(MetricType::kCounter, "schedstat_timeslices_total",
                 "Number of timeslices executed by CPU.");
  for (const CpuSchedule& cpu : cpus) {
    families.add(static_cast<double>(cpu.timeslices), {{"cpu", cpu.cpu}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
