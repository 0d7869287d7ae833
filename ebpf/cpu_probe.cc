#include "ebpf/cpu_probe.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include "ebpf/cgroup_path.h"
#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(cpu);

namespace notch::ebpf {
namespace {

constexpr const char* kIterator = "living_tasks";

// `before` can be negative: in a service whose process has gone over to another service.
std::uint64_t grown(std::uint64_t sum, std::uint64_t before, std::uint64_t shown) {
  const auto difference = static_cast<std::int64_t>(sum - before);
  return std::max(shown, difference > 0 ? static_cast<std::uint64_t>(difference) : 0);
}

// The time that a process's threads used so far: the first two numbers of each schedstat, in ns.
cpu_row used_by(std::uint32_t pid) {
  cpu_row sum{};
  std::error_code error;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  // Not with a range-based for: its increment throws when the process ends meanwhile.
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

void add(const cpu_row& used, cpu_row& sum) {
  sum.run_ns += used.run_ns;
  sum.wait_ns += used.wait_ns;
}

void take_away(const cpu_row& used, cpu_row& sum) {
  sum.run_ns -= used.run_ns;
  sum.wait_ns -= used.wait_ns;
}

std::string cgroup_of(std::uint64_t pid) {
  return cpu_cgroup_path(read_proc_cgroup("/proc/" + std::to_string(pid) + "/cgroup"));
}

std::uint64_t now_s() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

// Two families of the same rows: how long they ran, and how long they waited.
struct Families {
  KernelFamily run;
  KernelFamily wait;

  Families(const std::string& prefix, const std::string& whose)
      : run{prefix + "cpu_seconds_total",
            "Processor time of all threads" + whose + ", living and gone.",
            "",
            FamilyType::kCounter,
            {}},
        wait{prefix + "cpu_wait_seconds_total",
             "Time runnable threads" + whose + " waited for a processor.",
             "",
             FamilyType::kCounter,
             {}} {}

  void add(const Labels& labels, const cpu_row& sum) {
    run.rows.push_back({labels, seconds(sum.run_ns), {}});
    wait.rows.push_back({labels, seconds(sum.wait_ns), {}});
  }
  void move_to(std::vector<KernelFamily>& families) {
    families.push_back(std::move(run));
    families.push_back(std::move(wait));
  }
};

}  // namespace

Outcome CpuProbe::start(const ServiceTable& services) {
  services_ = &services;
  Outcome outcome = object_.open("cpu", cpu_object(), {"sched_process_free"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("gone", possible_processors() * std::size_t{NOTCH_CPU_ROWS});
  object_.share_map("service_slots", services.object());
  object_.set_constants(cpu_constants{has_cpu_hierarchy(read_proc_cgroup("/proc/self/cgroup")), 0});
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
  name_cgroups();
  apply_moves();
  for (std::size_t i = 0; i < now.size(); ++i) {
    Sum& sum = sums_[i];
    add(living[i], now[i]);
    if (!begun_) sum.before = now[i];
    sum.shown.run_ns = grown(now[i].run_ns, sum.before.run_ns, sum.shown.run_ns);
    sum.shown.wait_ns = grown(now[i].wait_ns, sum.before.wait_ns, sum.shown.wait_ns);
  }
  total_ = std::move(now);
  begun_ = true;
  free_empty_cgroups();
  return {};
}

// The time it used so far stays out of both sums: `before` falls in the one and rises in the other.
void CpuProbe::moved(std::uint32_t pid, ServiceTable::Change change) {
  const cpu_row used = used_by(pid);
  take_away(used, sums_[change.from].before);
  add(used, sums_[change.to].before);
  moves_.push_back({cgroup_of(pid), change, used});
}

// The same for its service in its cgroup, whose slot the next look may be the first to find.
void CpuProbe::apply_moves() {
  const auto slots = object_.values<cgroup_slot>("cgroups");
  for (const Move& move : moves_) {
    for (std::size_t i = NOTCH_CGROUP_SLOTS; i < slots.size(); ++i) {
      if (slots[i].id == 0 || paths_[i] != move.path) continue;
      cpu_row& before = sums_[NOTCH_CPU_CGROUPS + i].before;
      if (slots[i].service == move.change.from) take_away(move.used, before);
      if (slots[i].service == move.change.to) add(move.used, before);
    }
  }
  moves_.clear();
}

void CpuProbe::given(std::size_t slot, const std::string& service) {
  const auto kept = kept_.find(service);
  if (kept == kept_.end()) return;
  add_shown(kept->second, sums_[slot]);
  kept_.erase(kept);
}

void CpuProbe::taken_back(std::size_t slot, const std::string& service) {
  look();
  kept_[service] = sums_[slot].shown;
  sums_[slot] = {total_[slot], {}};
  const auto slots = object_.values<cgroup_slot>("cgroups");
  for (std::size_t i = NOTCH_CGROUP_SLOTS + 1; i < slots.size(); ++i) {
    if (slots[i].id != 0 && slots[i].service == slot) free_cgroup(i, service);
  }
}

void CpuProbe::forget(const std::string& service) {
  kept_.erase(service);
  kept_groups_.forget(service);
}

void CpuProbe::rename(const NewNames& names) {
  rename_services(names, kept_);
  kept_groups_.rename(names);
}

// A cgroup is named once, through a process that the iterator has just met in it. A cgroup that has no
// process any more cannot be named: its member's number may be another process's by now.
void CpuProbe::name_cgroups() {
  const auto slots = object_.values<cgroup_slot>("cgroups");
  const auto living = object_.values<cpu_row>("living");
  for (std::size_t i = 1; i < slots.size(); ++i) {
    if (i == NOTCH_CGROUP_SLOTS || slots[i].id == 0 || !paths_[i].empty()) continue;
    const bool empty = living[NOTCH_CPU_CGROUPS + i].tasks == 0;
    paths_[i] = empty ? kOtherCgroups : cgroup_of(slots[i].member_tgid);
    const std::optional<cpu_row> kept = kept_groups_.take({service_of(i), paths_[i]});
    if (kept) add_shown(*kept, sums_[NOTCH_CPU_CGROUPS + i]);
  }
}

void CpuProbe::add_shown(const cpu_row& used, Sum& sum) {
  add(used, sum.shown);
  take_away(used, sum.before);
}

void CpuProbe::free_empty_cgroups() {
  const auto slots = object_.values<cgroup_slot>("cgroups");
  const auto living = object_.values<cpu_row>("living");
  const std::uint64_t seen_s = now_s();
  for (std::size_t i = 1; i < slots.size(); ++i) {
    if (i == NOTCH_CGROUP_SLOTS || slots[i].id == 0) continue;
    if (quiet_.look(i, living[NOTCH_CPU_CGROUPS + i].tasks, seen_s)) free_cgroup(i, service_of(i));
  }
}

// A task whose task_struct is freed after this finds no slot, and counts with the others.
void CpuProbe::free_cgroup(std::size_t slot, const std::string& service) {
  const CpuGroup group{service, paths_[slot].empty() ? kOtherCgroups : paths_[slot]};
  object_.writable_values<cgroup_slot>("cgroups")[slot] = {};
  paths_[slot].clear();
  quiet_.taken(slot);
  Sum& sum = sums_[NOTCH_CPU_CGROUPS + slot];
  keep(group, sum.shown);
  sum = {total_[NOTCH_CPU_CGROUPS + slot], {}};
}

// The sums go on with the next cgroup of that path, if it is there already.
void CpuProbe::keep(const CpuGroup& group, const cpu_row& used) {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i] != group.second || service_of(i) != group.first) continue;
    return add_shown(used, sums_[NOTCH_CPU_CGROUPS + i]);
  }
  kept_groups_.add(group, used);
}

std::string CpuProbe::service_of(std::size_t slot) const {
  if (slot < NOTCH_CGROUP_SLOTS) return {};
  if (slot == NOTCH_CGROUP_SLOTS) return kOtherCgroups;
  return services_->name_of(object_.values<cgroup_slot>("cgroups")[slot].service);
}

// Two cgroups can have had one path, one after the other: their sums are one row.
std::map<CpuGroup, cpu_row> CpuProbe::groups() const {
  std::map<CpuGroup, cpu_row> groups = kept_groups_.all();
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const cpu_row& sum = sums_[NOTCH_CPU_CGROUPS + i].shown;
    const bool is_others = i % NOTCH_CGROUP_SLOTS == 0;
    // A cgroup without a name waits for it: were it counted with the others, their sum would fall later.
    if (is_others ? sum.run_ns == 0 : paths_[i].empty()) continue;
    add(sum, groups[{service_of(i), is_others ? kOtherCgroups : paths_[i]}]);
  }
  return groups;
}

void CpuProbe::add_families(const ServiceTable& services, std::vector<KernelFamily>& families) {
  if (!look().ok()) return;
  Families by_service("ebpf_", "");
  Families by_cgroup("ebpf_cgroup_", " in a cgroup itself, not in those below it");
  Families by_both("ebpf_service_cgroup_", " of an attached service in a cgroup itself");
  for (std::size_t slot = 0; slot < NOTCH_SERVICE_SLOTS; ++slot) {
    const std::string& service = services.name_of(slot);
    if (!service.empty()) by_service.add({{"service", service}}, sums_[slot].shown);
  }
  for (const auto& [service, sum] : kept_) by_service.add({{"service", service}}, sum);
  for (const auto& [group, sum] : groups()) {
    const auto& [service, path] = group;
    if (service.empty()) {
      by_cgroup.add({{"cgroup", path}}, sum);
    } else {
      by_both.add({{"service", service}, {"cgroup", path}}, sum);
    }
  }
  for (Families* both : {&by_service, &by_cgroup, &by_both}) both->move_to(families);
}

}  // namespace notch::ebpf
