#include "agent/own_process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

#include "agent/proc_text.h"

namespace notch::agent {
namespace {

void add(std::vector<prometheus::MetricFamily>& families, const char* name, const char* help,
         prometheus::MetricType type, double value) {
  prometheus::MetricFamily& family = families.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  family.metric.resize(1);
  family.metric[0].counter.value = value;
  family.metric[0].gauge.value = value;
}

// Field `number` (from 3 on) of /proc/self/stat; the second, the command, may hold blanks and
// brackets.
std::optional<std::uint64_t> stat_field(std::string_view stat, int number) {
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(bracket + 1);
  for (int field = 3; field < number; ++field) {
    const std::size_t start = rest.find_first_not_of(' ');
    if (start == std::string_view::npos) return std::nullopt;
    const std::size_t end = rest.find(' ', start);
    if (end == std::string_view::npos) return std::nullopt;
    rest = rest.substr(end);
  }
  return take_number(rest);
}

std::optional<std::uint64_t> boot_time_s(std::string_view proc_stat) {
  for (std::string_view line : ProcLines(proc_stat)) {
    if (!line.starts_with("btime ")) continue;
    line.remove_prefix(6);
    return take_number(line);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  if (directory == nullptr) return std::nullopt;
  std::uint64_t count = 0;
  while (const dirent* const entry = readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count - 1;  // the listing's own
}

}  // namespace

std::vector<prometheus::MetricFamily> own_process_families() {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  const std::string stat = read_proc("/proc/self/stat");
  const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto user = stat_field(stat, 14);
  const auto system = stat_field(stat, 15);
  if (user && system) {
    add(families, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
        MetricType::Counter, static_cast<double>(*user + *system) / ticks_per_s);
  }
  if (const auto threads = stat_field(stat, 20)) {
    add(families, "process_threads", "Number of OS threads in the process.", MetricType::Gauge,
        static_cast<double>(*threads));
  }
  const auto boot = boot_time_s(read_proc("/proc/stat"));
  if (const auto start = stat_field(stat, 22); start && boot) {
    add(families, "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.", MetricType::Gauge,
        static_cast<double>(*boot) + static_cast<double>(*start) / ticks_per_s);
  }
  if (const auto bytes = stat_field(stat, 23)) {
    add(families, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
        MetricType::Gauge, static_cast<double>(*bytes));
  }
  if (const auto pages = stat_field(stat, 24)) {
    add(families, "process_resident_memory_bytes", "Resident memory size in bytes.",
        MetricType::Gauge,
        static_cast<double>(*pages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  if (const auto open = open_descriptors()) {
    add(families, "process_open_fds", "Number of open file descriptors.", MetricType::Gauge,
        static_cast<double>(*open));
  }
  struct rlimit limit {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add(families, "process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
        static_cast<double>(limit.rlim_cur));
  }
  return families;
}

}  // namespace notch::agent
