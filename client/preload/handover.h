// Counting in a label set that is not there yet, by several threads at once: one of them makes label
// sets, and the others, who may not wait for it, hand it what they have to count.
// Called by: http_figures.cc, tls_figures.cc; life.cc and sandbox.cc, as the process ends;
// connection_record.cc, in a forked child.
//
// Invariants
//   HO1  One thread at a time is the maker, and it stays that until nothing is handed over: what was
//        handed over is counted, by the maker or as the process ends in order. [tag: handover]
//   HO2  Nobody waits, nor does a signal handler above the maker: it hands over too.
//   HO3  What finds no place is counted at once, where it can be.
//   HO4  A forked child has no maker, and nothing was handed over in it: that is its parent's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace notch::preload {

inline constexpr std::size_t kMostHanded = 56;

// Counts what is there, once. It may run in another thread, and makes the label set if there is none.
using Counting = void (*)(const void* what) noexcept;

namespace handover_slow {
void count_in_turn(Counting counting, const void* what, std::size_t size) noexcept;
}

template <class What>
void count_in_turn(Counting counting, const What& what) noexcept {
  static_assert(std::is_trivially_copyable_v<What> && sizeof(What) <= kMostHanded &&
                alignof(What) <= alignof(std::uint64_t));
  handover_slow::count_in_turn(counting, &what, sizeof(What));
}

// The process ends: what was handed over, and the maker has not come to.
void count_handed_over() noexcept;

// HO4.
void forget_handed_over() noexcept;

}  // namespace notch::preload
