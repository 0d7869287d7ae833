// The sums of cgroups that have given their slots back, with their paths. Called by: cpu_probe.
//
// Invariants
//   KG1  At most kMost groups with a path of their own are kept: past that, the one that has been gone
//        longest is shown no more.
//   KG2  Groups without a path share a row, which must not fall: it stays while its service does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "ebpf/cpu.h"
#include "ebpf/new_names.h"

namespace notch::ebpf {

inline constexpr const char* kOtherCgroups = "(others)";  // equal to no path

using CpuGroup = std::pair<std::string, std::string>;  // service, empty for all; path

class KeptGroups {
 public:
  static constexpr std::size_t kMost = 512;

  void add(const CpuGroup& group, const cpu_row& used) {
    const auto [kept, is_new] = kept_.try_emplace(group);
    kept->second.run_ns += used.run_ns;
    kept->second.wait_ns += used.wait_ns;
    if (!is_new || group.second == kOtherCgroups) return;
    order_.push_back(group);
    if (order_.size() <= kMost) return;
    kept_.erase(order_.front());
    order_.pop_front();
  }

  // Removes the group and returns its sums; nothing if it is not in.
  std::optional<cpu_row> take(const CpuGroup& group) {
    const auto kept = kept_.extract(group);
    if (kept.empty()) return std::nullopt;
    std::erase(order_, group);
    return kept.mapped();
  }

  void forget(const std::string& service) {
    const auto is_its = [&](const CpuGroup& group) { return group.first == service; };
    std::erase_if(kept_, [&](const auto& kept) { return is_its(kept.first); });
    std::erase_if(order_, is_its);
  }

  void rename(const NewNames& names) {
    std::map<CpuGroup, cpu_row> renamed;
    for (const auto& [group, used] : kept_) {
      renamed.emplace(CpuGroup(name_now(names, group.first), group.second), used);
    }
    kept_ = std::move(renamed);
    for (CpuGroup& group : order_) group.first = name_now(names, group.first);
  }

  const std::map<CpuGroup, cpu_row>& all() const { return kept_; }

 private:
  std::map<CpuGroup, cpu_row> kept_;
  std::deque<CpuGroup> order_;  // groups with a path, the longest gone first
};

}  // namespace notch::ebpf
