#include "client/preload/handover.h"

#include <bit>
#include <cstring>

#include "client/registry_lock.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

// Bit i of `full`: place i was handed over. While there is no maker, nothing is.
constexpr unsigned kPlaces = 62;
constexpr std::uint64_t kMaking = std::uint64_t{1} << 63;
constexpr std::uint64_t kAllPlaces = (std::uint64_t{1} << kPlaces) - 1;

struct Place {
  Counting counting;
  alignas(std::uint64_t) unsigned char what[kMostHanded];
};

std::uint64_t state = 0;  // kMaking, and which places are full [tag: handover]
std::uint64_t taken = 0;  // places that are full, or being filled or emptied [tag: handover-place]
Place places[kPlaces];

// The place's bit; 0 if there is none.
std::uint64_t take_place() noexcept {
  for (;;) {
    const std::uint64_t before = shm::read_alone(taken);
    const std::uint64_t free = ~before & kAllPlaces;
    if (free == 0) return 0;
    const std::uint64_t bit = free & (~free + 1);
    // [tag: handover-place] who emptied it has read it.
    if (shm::publish_first(taken, before, before | bit)) return bit;
  }
}

void give_place(std::uint64_t bit) noexcept {
  for (;;) {
    const std::uint64_t before = shm::read_alone(taken);
    // [tag: handover-place] Publishes that the place was read; else who takes it could write over what
    // is still being copied.
    if (shm::publish_first(taken, before, before & ~bit)) return;
  }
}

Place& place_of(std::uint64_t bit) noexcept {
  return places[std::countr_zero(bit)];
}

void count_full(std::uint64_t full) noexcept {
  for (; full != 0; full &= full - 1) {
    const std::uint64_t bit = full & (~full + 1);
    const Place place = place_of(bit);
    give_place(bit);
    place.counting(place.what);
  }
}

// REQUIRES: this thread is the maker; but for a child that was forked in a handler above it.
void leave() noexcept {
  for (;;) {
    // [tag: handover] Publishes the label sets that this maker made; else the next maker could miss one,
    // and make it again.
    if (shm::publish_first(state, kMaking, std::uint64_t{0})) return;
    const std::uint64_t found = shm::read_alone(state);
    if ((found & kMaking) == 0) return;
    // [tag: handover] the places are read.
    if (shm::exchange_if(state, found, kMaking)) count_full(found & kAllPlaces);
  }
}

// False: this thread is the maker instead.
bool hand_over(std::uint64_t bit) noexcept {
  for (;;) {
    const std::uint64_t found = shm::read_alone(state);
    if ((found & kMaking) == 0) {
      // [tag: handover] as in count_in_turn().
      if (shm::exchange_if(state, found, kMaking)) return false;
    } else if (shm::publish_first(state, found, found | bit)) {  // [tag: handover] the place
      return true;
    }
  }
}

}  // namespace

namespace handover_slow {

[[gnu::cold, gnu::noinline]] void count_in_turn(Counting counting, const void* what,
                                                std::size_t size) noexcept {
  // A maker that ended amid its work would leave the others with nobody to count.
  const client::NoCancellation until_left;
  // [tag: handover] what the last maker made is seen.
  bool is_maker = shm::exchange_if(state, std::uint64_t{0}, kMaking);
  if (!is_maker) {
    const std::uint64_t bit = take_place();
    if (bit != 0) {
      Place& place = place_of(bit);
      place.counting = counting;
      std::memcpy(place.what, what, size);
      if (hand_over(bit)) return;
      give_place(bit);
      is_maker = true;
    }
  }
  counting(what);
  if (is_maker) leave();
}

}  // namespace handover_slow

void count_handed_over() noexcept {
  for (;;) {
    const std::uint64_t found = shm::read_alone(state);
    if ((found & kAllPlaces) == 0) return;
    // [tag: handover] the places are read.
    if (shm::exchange_if(state, found, found & kMaking)) return count_full(found & kAllPlaces);
  }
}

void forget_handed_over() noexcept {
  // Relaxed: there is one thread.
  shm::write_alone(state, std::uint64_t{0});
  shm::write_alone(taken, std::uint64_t{0});
}

}  // namespace notch::preload
