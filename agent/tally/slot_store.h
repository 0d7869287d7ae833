// The tally's numbers, without names: for every slot what dead processes left (`folded`) and what
// the round at hand has added up. The hot path of a gather.
// Called by: tally.
//
// Invariants
//   SL1  A round starts from `folded` and ends with a buffer nobody writes to while it is held.
//   SL2  A slot that only grows never shows less than in the round before, whatever the writers do: a
//       sum that is less is a reset. This costs one load and compare per slot, against the buffer of
//       the round before, which is kept anyway. The caller is told the amount of the reset, to add it
//       to `folded`; until it does, the slot shows what it showed. Limits: additions of other processes
//       in the round of the reset are lost; a writer can still make its own rows too large.
//   SL3  Nothing that is not finite is added; it is counted.
//   SL4  Of one segment all counts are read before any is added, so that what is cut off, or says
//       what no process can have counted, has added nothing. Counts are added up to the end of
//       their range (count_limits.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/family/count_limits.h"
#include "agent/family/family.h"
#include "agent/tally/binding.h"

namespace notch::agent {

// How much more a slot shows in one round than it summed to: an integer, or the bits of a double.
struct SlotReset {
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
  const std::vector<SlotReset>& resets() const noexcept { return resets_; }

  // Makes the last round show what the one before showed, whatever the kind; the slot is a double.
  // Returns what it shows more than it summed to.
  double keep_shown(std::uint32_t slot) noexcept;

  // No row has the slot any more: what the last round showed is no longer compared with.
  void forget_shown(std::uint32_t slot) noexcept;

  // --- what dead processes left ---

  std::uint64_t folded(std::uint32_t slot) const noexcept { return folded_[slot]; }
  // The slots of one row of the family. REQUIRES: slot_count() amounts.
  void fold(std::uint32_t first_slot, const Family& family,
            std::span<const std::uint64_t> amounts) noexcept;
  void fold_bucket(std::uint32_t slot, std::uint64_t amount) noexcept {
    folded_[slot] = add_up_to(kMostBucketSum, folded_[slot], amount);
  }

  // Keeps the slots marked in `kept`, in order. Returns old slot to new.
  std::vector<std::uint32_t> compact(const std::vector<bool>& kept);

  std::size_t size() const noexcept { return folded_.size(); }
  std::uint64_t not_finite() const noexcept { return not_finite_; }
  std::uint64_t reset_count() const noexcept { return reset_count_; }

 private:
  enum class Kind : std::uint8_t { kGrowingInteger, kGrowingFloat, kOther };
  struct KindRun {
    std::uint32_t first;
    std::uint32_t slots;
    Kind kind;
  };

  void append(Kind kind, std::uint32_t slots);
  void keep_run(const KindRun& run, std::size_t slots);
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

  std::vector<SlotReset> resets_;

  // For the segment that is being added.
  std::vector<std::uint64_t> counts_;  // of its runs of counts, one behind the other
  std::vector<std::uint32_t> impossible_;

  std::uint64_t not_finite_ = 0;
  std::uint64_t reset_count_ = 0;  // slots shown higher than they summed to, all rounds together
};

}  // namespace notch::agent
