// Several sources' families as one snapshot that every format can carry.
// Called by: the agent's gather, before the writers.
//
// Invariants
//   MF1  No name stands twice in a page: not a family's, nor a sample's that its type adds in
//        OpenMetrics (_total, _created, _bucket, _count, _sum).
//   MF2  The earlier source wins, and within a source the earlier family.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family/snapshot.h"

namespace notch::agent {

enum class MergeDrop : std::uint8_t {
  kDuplicate,  // another family has this very name
  kClash,      // a sample's name would be another family's, as counter x_total and gauge x
};

// The rule's name as used in the `reason` label; never null.
const char* merge_drop_name(MergeDrop reason) noexcept;

struct DroppedFamily {
  std::string name;
  MergeDrop reason = MergeDrop::kDuplicate;
};

struct Merged {
  Snapshot snapshot;                   // sorted by name; owners of all sources
  std::vector<DroppedFamily> dropped;  // in the sources' order
};

// Cost: a few hash look-ups per family, none per row. Thread-safe.
Merged merge_families(std::span<const Snapshot> sources);

}  // namespace notch::agent
