// The memory orders of the segment, by what they are for. The only place outside notch/cell.h that
// spells std::memory_order; each pair carries a tag that both sides' comments repeat.
// Called by: the client's writer side and the agent's reader side.
//
// Invariants
//   O1  Plain shared words are reached through atomic_ref alone, on both sides.
//   O2  Every publish() names its tag, and the observe() with that tag is its partner.
#pragma once

#include <atomic>
#include <cstdint>

namespace notch::shm {

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic_ref<std::uint32_t>::is_always_lock_free);

// Release: everything written before is seen by who observe()s the value.
template <class T>
inline void publish(T& word, T value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_release);
}

// Acquire: the partner of publish().
template <class T>
inline T observe(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
}

// Relaxed is enough: the word stands alone, nothing is read on the strength of it.
template <class T>
inline T read_alone(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
}

// Relaxed is enough: as read_alone().
template <class T>
inline void write_alone(T& word, T value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
}

// Relaxed is enough: a sum does not care for the order of its parts. Returns the value before.
template <class T>
inline T add_alone(T& word, T amount) noexcept {
  return std::atomic_ref<T>(word).fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace notch::shm
