// Counts what a limit or a rule left out of the host's figures, by collector and reason, for
// notch_agent_host_dropped_total.
// Made by: daemon. Called by: host_collectors, family_list, cgroup_figures, agent_metrics.
//
// Invariants
//   HD1  Counts only grow: what a scrape leaves out is added at each scrape.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace notch::agent {

enum class HostDrop : std::uint8_t {
  kTooManyMounts,
  kTooManyDevices,
  kTooManyChips,
  kTooManyProcesses,
  kTooManyCgroups,
  kTooManyThreads,
  kTextTooLong,   // a file's end was not read
  kDuplicateRow,  // a row with the labels of one before it
  kInvalidName,   // a family of a name the format does not allow
};

// As used in the `reason` label; never null.
constexpr const char* host_drop_name(HostDrop reason) noexcept {
  switch (reason) {
    case HostDrop::kTooManyMounts:
      return "too_many_mounts";
    case HostDrop::kTooManyDevices:
      return "too_many_devices";
    case HostDrop::kTooManyChips:
      return "too_many_chips";
    case HostDrop::kTooManyProcesses:
      return "too_many_processes";
    case HostDrop::kTooManyCgroups:
      return "too_many_cgroups";
    case HostDrop::kTooManyThreads:
      return "too_many_threads";
    case HostDrop::kTextTooLong:
      return "text_too_long";
    case HostDrop::kDuplicateRow:
      return "duplicate_row";
    case HostDrop::kInvalidName:
      return "invalid_name";
  }
  return "unknown";
}

class HostDrops {
 public:
  void add(const std::string& collector, HostDrop reason, std::uint64_t count) {
    if (count != 0) counts_[{collector, reason}] += count;
  }

  // By collector and reason; of those that happened.
  const std::map<std::pair<std::string, HostDrop>, std::uint64_t>& counts() const noexcept {
    return counts_;
  }

 private:
  std::map<std::pair<std::string, HostDrop>, std::uint64_t> counts_;
};

}  // namespace notch::agent
