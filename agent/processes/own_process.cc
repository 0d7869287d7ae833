#include "agent/processes/own_process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "agent/files/proc_text.h"
#include "agent/processes/process_text.h"

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
  const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (const auto stat = parse_process_stat(read_proc("/proc/self/stat"))) {
    add(families, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
        MetricType::Counter,
        static_cast<double>(stat->user_ticks + stat->system_ticks) / ticks_per_s);
    add(families, "process_threads", "Number of OS threads in the process.", MetricType::Gauge,
        static_cast<double>(stat->threads));
    if (const auto boot = parse_boot_time_s(read_proc("/proc/stat"))) {
      add(families, "process_start_time_seconds",
          "Start time of the process since unix epoch in seconds.", MetricType::Gauge,
          static_cast<double>(*boot) + static_cast<double>(stat->start_time_ticks) / ticks_per_s);
    }
    add(families, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
        MetricType::Gauge, static_cast<double>(stat->virtual_bytes));
    add(families, "process_resident_memory_bytes", "Resident memory size in bytes.",
        MetricType::Gauge,
        static_cast<double>(stat->resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
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
