// The true counts of each worker, in memory that the supervisor owns: it outlives a SIGKILL of the
// worker and knows nothing of Notch. Written by workers beside every count, read by the supervisor
// once the worker is dead.
//
//   count(n, add):   intent += n;   add();   done += n
//
// Invariants
//   TP1  A cell has one writer: the thread that owns its lane.
//   TP2  done <= what add() really added <= intent, at any instruction; equal when no count is under
//        way. After a kill, intent - done is the one count in doubt of that cell.
//   TP3  A slot is zero when a worker gets it, and is taken into the totals before another does.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "client/examples/otlp/truth_series.h"

namespace otlp_demo {

inline constexpr std::size_t kProducers = 2;
inline constexpr std::size_t kExporterLane = kProducers;
inline constexpr std::size_t kLanes = kProducers + 1;

class TruthCell {
 public:
  // Runs `add`, which counts n, between the two marks. Sequentially consistent, so that the
  // compiler keeps the three in this order; a dead process's stores are all there.
  template <class Add>
  void count(std::uint64_t n, Add&& add) {
    const std::uint64_t before = done_.load();
    intent_.store(before + n);
    std::forward<Add>(add)();
    done_.store(before + n);
  }

  std::uint64_t at_least() const noexcept { return done_.load(); }
  std::uint64_t at_most() const noexcept { return intent_.load(); }

  // REQUIRES: its writer is dead or not yet born.
  void clear() noexcept {
    intent_.store(0);
    done_.store(0);
  }

 private:
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  std::atomic<std::uint64_t> intent_{0};
  std::atomic<std::uint64_t> done_{0};
};

// One thread's cells, on cache lines of its own.
struct alignas(64) TruthLane {
  std::array<TruthCell, kTruthSeries> cells;
};

struct TruthSlot {
  std::array<TruthLane, kLanes> lanes;
  std::atomic<std::uint32_t> ready{0};     // 1: the worker has registered all its metrics
  std::atomic<std::uint32_t> attached{0};  // 1: they are in a segment that an agent can read
};

// The sums of many slots: what is certain, and what may have been counted besides.
struct TruthTotals {
  std::array<std::uint64_t, kTruthSeries> at_least{};
  std::array<std::uint64_t, kTruthSeries> at_most{};

  // Takes `slot` in and clears it. REQUIRES: its worker is dead.
  void take(TruthSlot& slot) noexcept {
    for (TruthLane& lane : slot.lanes) {
      for (std::size_t i = 0; i < kTruthSeries; ++i) {
        at_least[i] += lane.cells[i].at_least();
        at_most[i] += lane.cells[i].at_most();
        lane.cells[i].clear();
      }
    }
    slot.ready.store(0);
    slot.attached.store(0);
  }
};

}  // namespace otlp_demo
