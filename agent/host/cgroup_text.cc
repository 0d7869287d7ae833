#include "agent/host/cgroup_text.h"

#include <algorithm>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {

CgroupPaths parse_cgroup_paths(std::string_view text) {
  CgroupPaths paths;
  for (const std::string_view line : ProcLines(text)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (!path.starts_with('/') || path.find("/..") != std::string_view::npos) continue;
    if (controllers.empty() && line.starts_with("0:")) paths.unified = path;
    while (!controllers.empty()) {
      const std::size_t end = std::min(controllers.find(','), controllers.size());
      const std::string_view name = controllers.substr(0, end);
      if (name == "cpu") paths.cpu = path;
      if (name == "cpuacct") paths.cpuacct = path;
      if (name == "memory") paths.memory = path;
      controllers.remove_prefix(std::min(end + 1, controllers.size()));
    }
  }
  return paths;
}

std::optional<std::uint64_t> keyed_number(std::string_view text, std::string_view key) {
  for (std::string_view line : ProcLines(text)) {
    if (take_word(line) == key) return whole_number(take_word(line));
  }
  return std::nullopt;
}

}  // namespace notch::agent
