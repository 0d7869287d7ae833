// Families as prometheus-cpp collects them, in the form a snapshot has: the agent's own telemetry,
// host figures, any foreign Collectable.
// Called by: the agent's gather.
//
// Invariants
//   PC1  What comes out obeys FM1, FM2 and SP1 to SP3 whatever goes in; what cannot is dropped, counted
//        by reason.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/family/snapshot.h"

namespace notch::agent {

enum class ConversionDrop : std::uint8_t {
  kFamilyName,    // a name the format does not allow: the whole family
  kSummary,       // summaries cannot be added up and are not carried: the whole family
  kLabelName,     // not allowed, given twice, or le on a histogram: the row
  kDuplicateRow,  // the same labels a second time: the row
  kOtherBounds,   // a histogram's bounds that are not the family's, or not ascending: the row
  kReasons,
};

struct Converted {
  Snapshot
      snapshot;  // owns what it points at; families and rows in order of their names and labels
  std::array<std::uint64_t, static_cast<std::size_t>(ConversionDrop::kReasons)> dropped{};
};

// Timestamps are ignored: no page carries any. Of two families with one name, both stay here, for
// merge_families() to judge. Thread-safe. Cost: some allocations per row; for small sources.
Converted convert_families(const std::vector<prometheus::MetricFamily>& families);

}  // namespace notch::agent
