#include "agent/host/otlp_system.h"

#include "agent/files/proc_text.h"

namespace notch::agent {
namespace {

// The number of kB behind `key:`.
std::optional<std::uint64_t> meminfo_kb(std::string_view text, std::string_view key) {
  for (const std::string_view line : ProcLines(text)) {
    if (!line.starts_with(key)) continue;
    std::string_view rest = line.substr(key.size());
    if (rest.empty() || rest.front() != ':') continue;
    rest.remove_prefix(1);
    return take_number(rest);
  }
  return std::nullopt;
}

}  // namespace

std::optional<CpuTicks> parse_cpu_ticks(std::string_view proc_stat) {
  if (!proc_stat.starts_with("cpu ")) return std::nullopt;
  std::string_view line = proc_stat.substr(4, proc_stat.find('\n') - 4);
  // user nice system idle iowait irq softirq steal; guest and guest_nice follow and are in user,
  // nice.
  CpuTicks ticks;
  for (int field = 0; field < 8; ++field) {
    const std::optional<std::uint64_t> value = take_number(line);
    if (!value) return field >= 4 ? std::optional(ticks) : std::nullopt;
    ticks.total += *value;
    const bool idle = field == 3 || field == 4;
    if (!idle) ticks.busy += *value;
  }
  return ticks;
}

std::optional<std::uint64_t> parse_memory_used_bytes(std::string_view meminfo) {
  const std::optional<std::uint64_t> total = meminfo_kb(meminfo, "MemTotal");
  const std::optional<std::uint64_t> available = meminfo_kb(meminfo, "MemAvailable");
  if (!total || !available || *available > *total) return std::nullopt;
  return (*total - *available) * 1024;
}

std::optional<std::uint64_t> parse_task_count(std::string_view loadavg) {
  const std::size_t slash = loadavg.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view rest = loadavg.substr(slash + 1);
  return take_number(rest);
}

void OtlpSystemCollector::sample(HostFiles& files) {
  const std::optional<CpuTicks> now = parse_cpu_ticks(files.proc("stat").value_or(""));
  // Idle and iowait can step back (they are per-CPU estimates): then there is no figure this time.
  if (now && ticks_ && now->total > ticks_->total && now->busy >= ticks_->busy) {
    const auto busy = static_cast<double>(now->busy - ticks_->busy);
    cpu_percent_ = 100.0 * busy / static_cast<double>(now->total - ticks_->total);
    if (*cpu_percent_ > 100.0) cpu_percent_ = 100.0;
  }
  ticks_ = now;
  memory_used_bytes_ = parse_memory_used_bytes(files.proc("meminfo").value_or(""));
  tasks_ = parse_task_count(files.proc("loadavg").value_or(""));
}

CollectResult OtlpSystemCollector::collect(HostFiles&, FamilyList& families) {
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    families.begin_whole_name(MetricType::kGauge, name, help);
    families.add(value);
  };
  if (cpu_percent_) gauge("otlp_system_cpu_usage_percent", "CPU usage percentage", *cpu_percent_);
  if (memory_used_bytes_) {
    gauge("otlp_system_memory_usage_bytes", "Memory usage in bytes",
          static_cast<double>(*memory_used_bytes_));
  }
  if (tasks_) {
    gauge("otlp_system_tasks_count", "Number of active tasks", static_cast<double>(*tasks_));
  }
  return CollectResult::done();
}

}  // namespace notch::agent
