// What the tally is told: its limits at the start, the caller's clocks with each call.
// Called by: tally and its parts, collect.
#pragma once

#include <cstdint>

#include "agent/files/accounts.h"
#include "agent/tally/family_table.h"
#include "agent/tally/row_quota.h"

namespace notch::agent {

struct TallyOptions {
  bool per_process = false;  // every row has a pid label
  FamilyLimits families = {};
  RowLimits rows = {};
  Accounts* accounts = nullptr;  // must outlive the tally
};

// The caller's clocks. Waits, ages and retention go by boot_s alone: the other two can be set, or
// stand still while the host is suspended.
struct Moment {
  std::uint64_t unix_s = 0;        // CLOCK_REALTIME: to be shown, never compared
  std::uint64_t monotonic_ns = 0;  // CLOCK_MONOTONIC: by it writers stamp gauges of mode last
  std::uint64_t boot_s = 0;        // CLOCK_BOOTTIME, which the ledger keeps too
};

}  // namespace notch::agent
