// Label sets that are made while the program runs, found again by a number instead of by their
// words. Called by: http_figures.cc.
//
// Invariants
//   LB1  A slot's series are whole once its key is there. [tag: label-set]
//   LB2  Nobody waits: a slot another thread is filling is passed over, and at worst one key is in
//        the table twice, with the same series. One that a fork caught half filled is lost.
#pragma once

#include <cstddef>
#include <cstdint>

#include "notch/abi.h"
#include "shm/memory_order.h"

namespace notch::preload {

inline constexpr std::uint64_t kLeastLabelKey = 2;  // 0: free, 1: being filled

template <std::size_t kSlots, std::size_t kSeries>
class LabelSets {
 public:
  // The series of a key, kSeries of them; null if it is not known.
  const notch_series* find(std::uint64_t key) const noexcept {
    for (std::size_t i = 0; i < kSlots; ++i) {
      const Slot& slot = slots_[(place_of(key) + i) % kSlots];
      const std::uint64_t found = shm::observe(slot.key);  // [tag: label-set]
      if (found == key) return slot.series;
      if (found == 0) return nullptr;
    }
    return nullptr;
  }

  // Keeps them, if there is room.
  void keep(std::uint64_t key, const notch_series (&series)[kSeries]) noexcept {
    for (std::size_t i = 0; i < kSlots; ++i) {
      Slot& slot = slots_[(place_of(key) + i) % kSlots];
      // [tag: label-set] who takes a free slot fills it; nothing is read on the strength of this.
      if (!shm::exchange_if(slot.key, std::uint64_t{0}, std::uint64_t{1})) continue;
      for (std::size_t j = 0; j < kSeries; ++j) slot.series[j] = series[j];
      // [tag: label-set] Publishes the series; else a thread that finds the key could count by a
      // handle that is not written yet.
      shm::publish(slot.key, key);
      return;
    }
  }

 private:
  struct Slot {
    std::uint64_t key;
    notch_series series[kSeries];
  };

  static std::size_t place_of(std::uint64_t key) noexcept {
    return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15U >> 32) % kSlots;
  }

  Slot slots_[kSlots];
};

}  // namespace notch::preload
