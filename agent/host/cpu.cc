#include "agent/host/cpu.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr auto kIdle = static_cast<std::size_t>(CpuMode::kIdle);
constexpr std::size_t kFewestFields = 4;

constexpr std::pair<CpuMode, std::string_view> kShownModes[] = {
    {CpuMode::kIdle, "idle"},     {CpuMode::kIowait, "iowait"},   {CpuMode::kIrq, "irq"},
    {CpuMode::kNice, "nice"},     {CpuMode::kSoftirq, "softirq"}, {CpuMode::kSteal, "steal"},
    {CpuMode::kSystem, "system"}, {CpuMode::kUser, "user"},
};
constexpr std::pair<CpuMode, std::string_view> kGuestModes[] = {
    {CpuMode::kGuestNice, "nice"},
    {CpuMode::kGuest, "user"},
};

bool parse_times(std::string_view line, CpuTimes& times) {
  std::size_t count = 0;
  while (count < times.size()) {
    const std::string_view word = take_word(line);
    if (word.empty()) break;
    const std::optional<std::uint64_t> ticks = whole_number(word);
    if (!ticks) return false;
    times[count++] = *ticks;
  }
  return count >= kFewestFields;
}

void add_modes(FamilyList& families, const std::map<std::uint64_t, CpuTimes>& cpus,
               std::span<const std::pair<CpuMode, std::string_view>> modes, double ticks_per_s) {
  for (const auto& [cpu, times] : cpus) {
    const std::string number = std::to_string(cpu);
    for (const auto& [mode, name] : modes) {
      families.add(static_cast<double>(times[static_cast<std::size_t>(mode)]) / ticks_per_s,
                   {{"cpu", number}, {"mode", name}});
    }
  }
}

}  // namespace

std::map<std::uint64_t, CpuTimes> parse_cpu_times(std::string_view proc_stat) {
  std::map<std::uint64_t, CpuTimes> cpus;
  for (std::string_view line : ProcLines(proc_stat)) {
    if (!line.starts_with("cpu")) break;  // they come first
    line.remove_prefix(3);
    if (line.starts_with(' ')) continue;  // the sum of all
    const std::optional<std::uint64_t> number = whole_number(take_word(line));
    CpuTimes times{};
    if (number && parse_times(line, times)) cpus[*number] = times;
  }
  return cpus;
}

CpuCollector::CpuCollector() : ticks_per_s_(static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK))) {}

const std::map<std::uint64_t, CpuTimes>& CpuCollector::follow(
    const std::map<std::uint64_t, CpuTimes>& now) {
  std::erase_if(shown_, [&](const auto& cpu) { return !now.contains(cpu.first); });
  for (const auto& [number, times] : now) {
    CpuTimes& shown = shown_[number];
    if (shown[kIdle] > times[kIdle] && shown[kIdle] - times[kIdle] > kRestart_s * ticks_per_s_) {
      shown = {};
    }
    for (std::size_t mode = 0; mode < shown.size(); ++mode) {
      shown[mode] = std::max(shown[mode], times[mode]);
    }
  }
  return shown_;
}

CollectResult CpuCollector::collect(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("stat");
  if (!text) return CollectResult::failed(files.error());
  const std::map<std::uint64_t, CpuTimes> now = parse_cpu_times(*text);
  if (now.empty()) return CollectResult::failed("stat: no line of a processor");
  const auto& shown = follow(now);
  const auto ticks_per_s = static_cast<double>(ticks_per_s_);
  families.begin(MetricType::kCounter, "cpu_seconds_total", "Seconds the CPUs spent in each mode.");
  add_modes(families, shown, kShownModes, ticks_per_s);
  families.begin(MetricType::kCounter, "cpu_guest_seconds_total",
                 "Seconds the CPUs spent in guests (VMs) for each mode.");
  add_modes(families, shown, kGuestModes, ticks_per_s);
  return CollectResult::done();
}

}  // namespace notch::agent
