// The ledger's contents as plain values, and the one way in which two are added.
// Called by: tally (makes folds, adds them to its totals), ledger, ledger_frame, ledger_replay.
//
// Invariants
//   VL1  A total is made by add_slots() alone, in the order of the file, and native buckets by add_up_to():
//       who adds the same changes in the same order has the same bits, doubles included. The tally, whose
//       buckets stand in slots, does so as add_change() does.
//   VL2  A double of a total is always finite: an addition that would end otherwise is left out.
//   VL3  A change with change_fault() == nullptr can be added to a total of its family.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/family/family.h"
#include "agent/segments/segment_identity.h"
#include "agent/services/service_record.h"

namespace notch::agent {

// A change of one row. `slots`: slot_count() of row_slots.h, as in snapshot.h for the family's type, as amounts to add (counts up
// to the end of their range, i64 wrapping; sums of histograms and float counters as double bits, added as doubles). A gauge of
// mode last has two slots, [complement of bits, monotonic ns], which replace the row's if their
// time is larger. Native histograms: slots are [zero_count, sum bits], buckets in `positive`,
// `negative`, ascending by index.
struct RowChange {
  std::uint32_t row = 0;
  std::vector<std::uint64_t> slots;
  std::vector<std::pair<std::int32_t, std::uint64_t>> positive;
  std::vector<std::pair<std::int32_t, std::uint64_t>> negative;

  bool operator==(const RowChange&) const = default;
};

struct Fold {
  SegmentIdentity segment;
  std::vector<RowChange> rows;
};

struct RecoveredRow {
  std::uint32_t family = 0;
  std::string labels;  // as Row::labels
  std::uint64_t last_seen_boot_s = 0;
  RowChange total;  // the sum of all folds
  std::uint32_t owner_uid = kUnknownOwner;

  bool operator==(const RecoveredRow&) const = default;
};

struct Recovered {
  std::vector<Family> families;         // index: family id
  std::vector<RecoveredRow> rows;       // index: row id
  std::vector<SegmentIdentity> folded;  // folded, but not yet known to be removed; in no order
  std::vector<ServiceRecord> services;  // in the order of their first records
  std::uint64_t torn_bytes = 0;         // dropped from the end
  std::uint64_t broken_frames = 0;      // whole, but against a rule: left out, or in part
  std::string broken_message;           // the first of them, and where the whole file is kept
  bool discarded_other_boot =
      false;  // the file was of another boot: its totals start again at zero
};

// The total of a row that nothing was added to yet.
RowChange empty_total(const Family& family, std::uint32_t row);

// The rule `family` breaks (FM2, and the limits of the segment format), or nullptr. Never throws.
const char* family_fault(const Family& family) noexcept;

// The rule `change` breaks as a change of a row of `family`, or nullptr. Never throws.
const char* change_fault(const Family& family, const RowChange& change) noexcept;

// Adds the slots of a change to those of a total, as SlotKind of row_slots.h says. NaN and infinity add nothing; of gauges a
// NaN does nothing but in modes `last` and `each`, and `each` replaces. Returns how many additions were left out because
// the result was not finite. REQUIRES: slot_count() of each.
std::size_t add_slots(const Family& family, std::span<const std::uint64_t> change,
                      std::span<std::uint64_t> total) noexcept;

// The same of whole changes: native buckets are merged by index, and a bucket that becomes 0 leaves.
// REQUIRES: change_fault(family, change) == nullptr, the same for `total`.
void add_change(const Family& family, const RowChange& change, RowChange& total);

}  // namespace notch::agent
