#include "ebpf/cpu_probe.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "ebpf/cgroup_path.h"
#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(cpu);

namespace notch::ebpf {
namespace {

constexpr const char* kIterator = "living_tasks";
constexpr const char* kOthers = "(others)";  // no path is

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// `before` can be less than nothing: of a service whose process went over to another.
std::uint64_t grown(std::uint64_t sum, std::uint64_t before, std::uint64_t shown) {
  const auto difference = static_cast<std::int64_t>(sum - before);
  return std::max(shown, difference > 0 ? static_cast<std::uint64_t>(difference) : 0);
}

// What a process's threads used so far: the first two numbers of each thread's schedstat, in ns.
cpu_row used_by(std::uint32_t pid) {
  cpu_row sum{};
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  // Not by a range: its step throws when the process ends meanwhile.
  for (std::filesystem::directory_iterator task(tasks, error);
       task != std::filesystem::directory_iterator(); task.increment(error)) {
    cpu_row used{};
    if (std::ifstream(task->path() / "schedstat") >> used.run_ns >> used.wait_ns) {
      sum.run_ns += used.run_ns;
      sum.wait_ns += used.wait_ns;
    }
  }
  return sum;
}

void add_rows(const std::string& label, const std::string& value, const cpu_row& sum,
              KernelFamily& run, KernelFamily& wait) {
  run.rows.push_back({{{label, value}}, seconds(sum.run_ns), {}});
  wait.rows.push_back({{{label, value}}, seconds(sum.wait_ns), {}});
}

}  // namespace

Outcome CpuProbe::start(const ServiceTable& services) {
  Outcome outcome = object_.open("cpu", cpu_object(), {"sched_process_free"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("gone", possible_processors() * std::size_t{NOTCH_CPU_ROWS});
  object_.share_map("service_slots", services.object());
  object_.set_constants(cpu_constants{has_cpu_hierarchy(text_of("/proc/self/cgroup")), 0});
  outcome = object_.run();
  return outcome.ok() ? look() : outcome;
}

Outcome CpuProbe::look() {
  const auto gone = object_.values<cpu_row>("gone");
  std::vector<cpu_row> now(NOTCH_CPU_ROWS);
  for (std::size_t i = 0; i < now.size(); ++i) now[i] = sum_rows(gone, i, NOTCH_CPU_ROWS);
  const auto living = object_.writable_values<cpu_row>("living");
  std::ranges::fill(living, cpu_row{});
  if (Outcome outcome = object_.iterate(kIterator, output_); !outcome.ok()) return outcome;
  for (std::size_t i = 0; i < now.size(); ++i) {
    Sum& sum = sums_[i];
    const cpu_row total{now[i].run_ns + living[i].run_ns, now[i].wait_ns + living[i].wait_ns};
    if (!begun_) sum.before = total;
    sum.shown = {grown(total.run_ns, sum.before.run_ns, sum.shown.run_ns),
                 grown(total.wait_ns, sum.before.wait_ns, sum.shown.wait_ns)};
  }
  begun_ = true;
  return {};
}

// What it used so far stays out of both sums: less was before in the one, more in the other.
void CpuProbe::moved(std::uint32_t pid, ServiceTable::Change change) {
  const cpu_row used = used_by(pid);
  sums_[change.from].before.run_ns -= used.run_ns;
  sums_[change.from].before.wait_ns -= used.wait_ns;
  sums_[change.to].before.run_ns += used.run_ns;
  sums_[change.to].before.wait_ns += used.wait_ns;
}

// A cgroup is named once, by a process that the iterator has just met in it. One that nobody is in
// any more has no name to be found: its member's number may be another process's by now.
void CpuProbe::name_cgroups() {
  const auto slots = object_.values<cgroup_slot>("cgroups");
  const auto living = object_.values<cpu_row>("living");
  for (std::size_t i = 1; i < slots.size(); ++i) {
    if (slots[i].id == 0 || !cgroups_[i].empty()) continue;
    if (living[NOTCH_SERVICE_SLOTS + i].run_ns == 0) {
      cgroups_[i] = kOthers;
      continue;
    }
    cgroups_[i] =
        cpu_cgroup_path(text_of("/proc/" + std::to_string(slots[i].member_tgid) + "/cgroup"));
  }
}

void CpuProbe::add_families(const ServiceTable& services, std::vector<KernelFamily>& families) {
  if (!look().ok()) return;
  name_cgroups();
  KernelFamily run{"ebpf_cpu_seconds_total",
                   "Processor time of all threads, living and gone.",
                   "",
                   FamilyType::kCounter,
                   {}};
  KernelFamily wait{"ebpf_cpu_wait_seconds_total",
                    "Time runnable threads waited for a processor.",
                    "",
                    FamilyType::kCounter,
                    {}};
  for (std::size_t slot = 0; slot < NOTCH_SERVICE_SLOTS; ++slot) {
    if (services.name_of(slot).empty()) continue;
    add_rows("service", services.name_of(slot), sums_[slot].shown, run, wait);
  }
  families.push_back(std::move(run));
  families.push_back(std::move(wait));
  KernelFamily group_run{"ebpf_cgroup_cpu_seconds_total",
                         "Processor time of all threads in a cgroup itself, not in those below it.",
                         "",
                         FamilyType::kCounter,
                         {}};
  KernelFamily group_wait{"ebpf_cgroup_cpu_wait_seconds_total",
                          "Time runnable threads in a cgroup itself waited for a processor.",
                          "",
                          FamilyType::kCounter,
                          {}};
  // Two cgroups can have had one path in turn: their sums are one row's.
  std::map<std::string, cpu_row> by_path;
  for (std::size_t i = 0; i < NOTCH_CGROUP_SLOTS; ++i) {
    const cpu_row& sum = sums_[NOTCH_SERVICE_SLOTS + i].shown;
    // One without a name waits for it: among the others its sum would be missing there afterwards.
    if (i == 0 ? sum.run_ns == 0 : cgroups_[i].empty()) continue;
    cpu_row& row = by_path[i == 0 ? kOthers : cgroups_[i]];
    row.run_ns += sum.run_ns;
    row.wait_ns += sum.wait_ns;
  }
  for (const auto& [path, sum] : by_path) add_rows("cgroup", path, sum, group_run, group_wait);
  families.push_back(std::move(group_run));
  families.push_back(std::move(group_wait));
}

}  // namespace notch::ebpf
