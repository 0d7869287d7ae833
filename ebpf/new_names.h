// Gives services other names, and moves the values that are kept under their names.
// Called by: probes, and each probe that keeps something by service.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace notch::ebpf {

// The old name to the new one; all in force at once, and the new ones are nobody else's.
using NewNames = std::map<std::string, std::string>;

inline const std::string& name_now(const NewNames& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? name : found->second;
}

// Moves a map's entries, whose keys are services.
template <class Map>
void rename_services(const NewNames& names, Map& map) {
  std::vector<typename Map::node_type> moved;
  for (const auto& [from, to] : names) {
    auto node = map.extract(from);
    if (node.empty()) continue;
    node.key() = to;
    moved.push_back(std::move(node));
  }
  for (auto& node : moved) map.insert(std::move(node));
}

}  // namespace notch::ebpf
