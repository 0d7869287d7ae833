// Which service has which slot of the probes, and when a slot becomes another's.
// Called by: service_table.
//
// Invariants
//   SO1  A name has one slot, and keeps it at least as long as a task counts there.
//   SO2  While there are plenty of slots none is taken back: a service that is started anew finds
//        its own. Then those are that have been quiet (QS1), and the one longest free is given
//        first.
//   SO3  When all are in use further services share the last one, until one is free.
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
  // Up to so many in use, none is taken back.
  static constexpr std::size_t kPlenty = 32;

  SlotOwners();

  struct Slot {
    std::uint8_t number = NOTCH_SLOT_UNATTACHED;
    bool is_new = false;  // it was not the service's until now
  };
  Slot slot_for(std::string_view service);

  // Whether it is worth a look which slots have become quiet.
  bool scarce() const { return slots_.size() > kPlenty; }

  // `tasks`: how many count in each slot now. Those that are quiet, which free() may follow for.
  std::vector<std::uint8_t> quiet(std::span<const std::uint64_t> tasks, std::uint64_t now_s);

  // REQUIRES: the slot is quiet.
  void free(std::uint8_t slot);

  // Services keep their slots under these names.
  void rename(const NewNames& names);

  // The slot the service has, if it has one of its own.
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
