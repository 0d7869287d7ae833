#include "ebpf/cgroup_path.h"

#include <fstream>
#include <optional>

namespace notch::ebpf {
namespace {

// "4:cpu,cpuacct:/shop" has the controllers cpu and cpuacct.
bool has_controller(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty()) {
    const std::size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

struct Paths {
  std::optional<std::string_view> cpu;      // of a v1 hierarchy
  std::optional<std::string_view> unified;  // of the v2 tree
};

Paths paths_in(std::string_view text) {
  Paths paths;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) paths.unified = line.substr(second + 1);
    if (has_controller(controllers, "cpu")) paths.cpu = line.substr(second + 1);
  }
  return paths;
}

}  // namespace

// By getline: a stream's buffer itself throws when a read fails, as that of a process that is gone.
std::string read_proc_cgroup(const std::string& path) {
  std::string text;
  std::getline(std::ifstream(path), text, '\0');
  return text;
}

bool has_cpu_hierarchy(std::string_view proc_cgroup) {
  return paths_in(proc_cgroup).cpu.has_value();
}

std::string cpu_cgroup_path(std::string_view proc_cgroup) {
  const Paths paths = paths_in(proc_cgroup);
  return std::string(paths.cpu ? *paths.cpu : paths.unified.value_or(""));
}

}  // namespace notch::ebpf
