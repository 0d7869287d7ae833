// Numbers whose record is at the place of another: copies of descriptors, and a number that was given
// out anew while a copy had its place. Called by: connections.cc.
//
// Invariants
//   EW1  A word is whole: who finds a number has its place. Nobody waits. [tag: number]
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/memory_order.h"

namespace notch::preload {

template <std::size_t kMost>
class Elsewhere {
 public:
  static constexpr unsigned kNowhere = ~0U;

  // False: there is no room near the number's place.
  bool keep(unsigned number, unsigned place) noexcept {
    for (std::size_t i = 0; i < kWindow; ++i) {
      const std::uint64_t entry = std::uint64_t{number + 1U} << 32 | place;
      // [tag: number] the record was there before.
      if (shm::publish_first(word(number, i), std::uint64_t{0}, entry)) return true;
    }
    return false;
  }

  unsigned find(unsigned number) const noexcept {
    for (std::size_t i = 0; i < kWindow; ++i) {
      const std::uint64_t entry = shm::observe(words_[place_of(number, i)]);  // [tag: number]
      if (entry >> 32 == number + 1U) return static_cast<unsigned>(entry);
    }
    return kNowhere;
  }

  void forget(unsigned number) noexcept {
    for (std::size_t i = 0; i < kWindow; ++i) {
      std::uint64_t& entry = word(number, i);
      // Relaxed: the number is the caller's to close, and nobody else's entry is touched.
      if (shm::read_alone(entry) >> 32 == number + 1U) shm::write_alone(entry, std::uint64_t{0});
    }
  }

 private:
  static constexpr std::size_t kWindow = 16;

  static std::size_t place_of(unsigned number, std::size_t i) noexcept {
    return (number + i) % kMost;
  }
  std::uint64_t& word(unsigned number, std::size_t i) noexcept {
    return words_[place_of(number, i)];
  }

  std::uint64_t words_[kMost];
};

}  // namespace notch::preload
