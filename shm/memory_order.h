// The memory orders of the segment, by what they are for. The only place outside notch/cell.h that
// spells std::memory_order; each pair carries a tag that both sides' comments repeat.
// Called by: the client's writer side and the agent's reader side.
//
// Invariants
//   MO1  Plain shared words are reached through atomic_ref alone, on both sides.
//   MO2  Every release and every acquire here is used under a tag in brackets that its partner has
//        too; tests/layers reads which is which from the orders spelled below.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace notch::shm {

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic_ref<std::uint32_t>::is_always_lock_free);

// Release: a thread that observe()s the value sees everything that was written before it.
template <class T>
inline void publish(T& word, T value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_release);
}

// Acquire: the partner of publish().
template <class T>
inline T observe(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
}

// Relaxed is enough: the word stands alone; no other memory is read because of its value.
template <class T>
inline T read_alone(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
}

// Relaxed is enough: as read_alone().
template <class T>
inline void write_alone(T& word, T value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
}

// Relaxed is enough: a sum is the same in any order of its parts. Returns the value before.
template <class T>
inline T add_alone(T& word, T amount) noexcept {
  return std::atomic_ref<T>(word).fetch_add(amount, std::memory_order_relaxed);
}

// Relaxed is enough: as add_alone(). Returns the value and leaves zero.
template <class T>
inline T take_all(T& word) noexcept {
  return std::atomic_ref<T>(word).exchange(T{}, std::memory_order_relaxed);
}

// Acquire on success: the partner of the publish() that left `expected`.
template <class T>
inline bool exchange_if(T& word, T expected, T wanted) noexcept {
  return std::atomic_ref<T>(word).compare_exchange_strong(
      expected, wanted, std::memory_order_acquire, std::memory_order_relaxed);
}

// Release on success, acquire on failure: when several threads have made the same thing, the first one
// publishes its own, and the others see that. Each use names its tag.
template <class T>
inline bool publish_first(T& word, T expected, T wanted) noexcept {
  return std::atomic_ref<T>(word).compare_exchange_strong(
      expected, wanted, std::memory_order_acq_rel, std::memory_order_acquire);
}

// Acquire on success: sees everything that the last holder wrote before publish(word, 0). One word says
// both that the lock is held and by whom, so no signal handler can run between the two.
inline bool take_lock(std::uint64_t& word, std::uint64_t owner) noexcept {
  return exchange_if(word, std::uint64_t{0}, owner);
}

// Relaxed: a double that other threads add to as well; the sum needs no order.
inline void add_float_alone(std::uint64_t& word, double amount) noexcept {
  std::atomic_ref<std::uint64_t> cell(word);
  std::uint64_t before = cell.load(std::memory_order_relaxed);
  while (!cell.compare_exchange_weak(
      before, std::bit_cast<std::uint64_t>(std::bit_cast<double>(before) + amount),
      std::memory_order_relaxed)) {
  }
}

// Relaxed, on both outcomes: the word stands alone. On failure `expected` gets its present value.
template <class T>
inline bool exchange_alone(T& word, T& expected, T wanted) noexcept {
  return std::atomic_ref<T>(word).compare_exchange_weak(expected, wanted,
                                                        std::memory_order_relaxed);
}

// Tells the processor that this is a waiting loop.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace notch::shm
