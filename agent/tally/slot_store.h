// The tally's numbers, without names: for every slot what dead processes left (`folded`) and what
// the round at hand has added up. The hot path of a gather.
// Called by: tally.
//
// Invariants
//   SL1  A round starts from `folded` and ends with a buffer nobody writes to while it is held.
//   SL2  A slot that only grows never shows less than in the round before, whatever the writers do.
//        This costs one load and compare per slot, against the buffer of the round before, which is
//        kept anyway. The caller is told how much a slot fell, to make it up in `folded`; until it does,
//        the slot stands still. Limits: additions of other processes in the round in which it fell are
//        lost; a writer can still make its own rows too large.
//   SL3  Nothing that is not finite is added; it is counted.
//   SL4  Of one segment all counts are read before any is added, so that what is cut off, or says
//        what no process can have counted, has added nothing. Counts are added up to the end of
//        their range (count_limits.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/family/count_limits.h"
#include "agent/tally/binding.h"

namespace notch::agent {

// How much more a slot shows in one round than it summed to: an integer, or a double's bits.
struct BackStep {
  std::uint32_t slot = 0;
  std::uint64_t amount = 0;
};

class SlotStore {
 public:
  using Buffer = std::vector<std::uint64_t>;

  // Returns the first of so many new slots, in this order: integers that only grow, doubles that
  // only grow, others. All zero.
  std::uint32_t allocate(std::uint32_t growing_integers, std::uint32_t growing_floats,
                         std::uint32_t others);

  // --- one round ---

  void begin_round();

  // False if nothing was added: what was read is not whole, or a bucket is impossible (SL4).
  // Cost: that of reading the cells, and about 1 ns per slot of a gauge or a double.
  // `monotonic_ns` caps the times of gauges of mode last. REQUIRES: begin_round() was called.
  bool add(std::span<const Run> runs, const CellSource& cells, std::uint64_t monotonic_ns);

  // Slots for which the last add() read impossible counts, ascending.
  const std::vector<std::uint32_t>& impossible() const noexcept { return impossible_; }

  // REQUIRES: a buffer handed out is let go by the thread that gathers, or with an ordering of the
  // caller's own.
  std::shared_ptr<const Buffer> finish_round();

  // Those of the last round, by slot.
  const std::vector<BackStep>& back_steps() const noexcept { return back_steps_; }

  // Makes the last round show what the one before showed, whatever the kind; the slot is a double.
  // Returns what it shows more than it summed to.
  double hold(std::uint32_t slot) noexcept;

  // The slot is nobody's any more: what the last round held is no longer compared with.
  void let_fall(std::uint32_t slot) noexcept;

  // --- what dead processes left ---

  std::uint64_t folded(std::uint32_t slot) const noexcept { return folded_[slot]; }
  void fold_count(std::uint32_t slot, std::uint64_t amount) noexcept {
    folded_[slot] = add_up_to(kMostCount, folded_[slot], amount);
  }
  void fold_bucket(std::uint32_t slot, std::uint64_t amount) noexcept {
    folded_[slot] = add_up_to(kMostBucketSum, folded_[slot], amount);
  }
  void fold_float(std::uint32_t slot, std::uint64_t amount_bits) noexcept;
  // The pair [value, time] at `slot`, if it is later than the one there.
  void fold_last(std::uint32_t slot, std::uint64_t value, std::uint64_t time_ns) noexcept;

  // Keeps the slots marked in `kept`, in order. Returns old slot to new.
  std::vector<std::uint32_t> compact(const std::vector<bool>& kept);

  std::size_t size() const noexcept { return folded_.size(); }
  std::uint64_t not_finite() const noexcept { return not_finite_; }
  std::uint64_t held_back() const noexcept { return held_back_; }

 private:
  enum class Kind : std::uint8_t { kGrowingInteger, kGrowingFloat, kOther };
  struct KindRun {
    std::uint32_t first;
    std::uint32_t slots;
    Kind kind;
  };

  void append(Kind kind, std::uint32_t slots);
  void hold_run(const KindRun& run, std::size_t slots);
  void read_counts(std::span<const Run> runs, const CellSource& cells);
  void find_impossible(std::span<const Run> runs);
  void add_counts(const Run& run, std::span<const std::uint64_t> counts);
  void add_floats(const Run& run, const CellSource& cells);
  void add_gauges(const Run& run, const CellSource& cells);
  void add_last(const Run& run, const CellSource& cells, std::uint64_t monotonic_ns);
  bool is_finite(double value) noexcept;

  std::vector<std::uint64_t> folded_;
  std::vector<KindRun> kinds_;  // neighbours merged
  std::shared_ptr<Buffer> now_;
  std::shared_ptr<Buffer> previous_;  // handed out last; what SL2 compares with
  std::shared_ptr<Buffer> spare_;     // handed out before that; written again once nobody holds it

  std::vector<BackStep> back_steps_;

  // For the segment that is being added.
  std::vector<std::uint64_t> counts_;  // of its runs of counts, one behind the other
  std::vector<std::uint32_t> impossible_;

  std::uint64_t not_finite_ = 0;
  std::uint64_t held_back_ = 0;  // slots shown higher than they summed to, all rounds together
};

}  // namespace notch::agent
