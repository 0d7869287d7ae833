// Which service has which slot of the probes, and when a slot becomes another's.
// Called by: service_table.
//
// Invariants
//   SO1  A name has one slot, and keeps it at least as long as a task counts there.
//   SO2  While there are plenty of slots none is taken back: a service that is started anew finds
//        its own. After that, slots that have been quiet (QS1) are taken back, and the slot that has
//        been free longest is given first.
//   SO3  When all are in use, further services share the last one until one is free.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ebpf/new_names.h"
#include "ebpf/quiet_slots.h"
#include "ebpf/service_slots.h"

namespace notch::ebpf {

class SlotOwners {
 public:
  // No slot is taken back while at most this many are in use.
  static constexpr std::size_t kPlenty = 32;

  SlotOwners();

  struct Slot {
    std::uint8_t number = NOTCH_SLOT_UNATTACHED;
    bool is_new = false;  // it was not the service's until now
  };
  Slot slot_for(std::string_view service);

  // True if it is worth looking for slots that have become quiet.
  bool scarce() const { return slots_.size() > kPlenty; }

  // The slots that are quiet and may be freed. `tasks`: the number of tasks in each slot now.
  std::vector<std::uint8_t> quiet(std::span<const std::uint64_t> tasks, std::uint64_t now_s);

  // REQUIRES: the slot is quiet.
  void free(std::uint8_t slot);

  // Services keep their slots under these names.
  void rename(const NewNames& names);

  // The service's slot, if it has one of its own.
  std::optional<std::uint8_t> slot_of(std::string_view service) const;

  // The `service` label of a slot; empty if nothing uses it.
  const std::string& name_of(std::size_t slot) const { return names_[slot]; }

 private:
  std::array<std::string, NOTCH_SERVICE_SLOTS> names_{"(unattached)"};
  std::map<std::string, std::uint8_t, std::less<>> slots_;
  std::deque<std::uint8_t> free_;  // the longest free first
  QuietSlots quiet_{NOTCH_SERVICE_SLOTS};
};

}  // namespace notch::ebpf
