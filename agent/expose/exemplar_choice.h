// Which exemplar stands at which bucket, or at a counter: the newest one that belongs there.
// Called by: exposition_text (OpenMetrics), exposition_protobuf.
//
// Invariants
//   EC1  A chosen exemplar is finite and lies in its bucket, (lower bound, upper bound].
//   EC2  An exemplar that lies elsewhere is dropped and counted in `misplaced()`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/family/classic_buckets.h"
#include "agent/family/snapshot.h"

namespace notch::agent {

// A family's exemplars that carry this slot.
std::span<const Exemplar> exemplars_of(std::span<const Exemplar> ascending,
                                       std::uint32_t slot) noexcept;

// The newest finite one, of several of a millisecond the first, which may have been shown; or null.
const Exemplar* newest(std::span<const Exemplar> exemplars) noexcept;

// One row's choice; kept by a writer and refilled row by row, so that its memory is reused.
class ExemplarChoice {
 public:
  // For a classic row whose first bucket is `first_slot`; `ascending` are its family's.
  void choose_classic(std::span<const Exemplar> ascending, std::uint32_t first_slot,
                      const ClassicBuckets& buckets);

  // For a native row: its own exemplars, each put to the bucket its value falls in.
  void choose_native(std::span<const Exemplar> exemplars, const ClassicBuckets& buckets);

  // The same with the newest of the row alone, for a format in which all buckets are one series:
  // a receiver takes a series' exemplars in the order of their times, whatever their buckets are.
  void choose_newest(std::span<const Exemplar> exemplars, const ClassicBuckets& buckets);

  // The exemplar of bucket `index` (the last is +Inf's), or null.
  const Exemplar* at(std::size_t index) const noexcept {
    return index < chosen_.size() ? chosen_[index] : nullptr;
  }

  std::uint64_t misplaced() const noexcept { return misplaced_; }

 private:
  void offer(std::size_t bucket, const Exemplar& exemplar, const ClassicBuckets& buckets);

  std::vector<const Exemplar*> chosen_;  // empty, or one per bucket
  std::uint64_t misplaced_ = 0;          // over all rows so far
};

}  // namespace notch::agent
