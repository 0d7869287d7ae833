// A counter of whole things: it only grows.
//
// For what happened, and how much of it: requests, bytes, errors. Amounts that are not whole:
// float_counter.h. A number that falls too: up_down_counter.h or gauge.h.
//
// Use:
//   notch::Counter sent = notch::counter({"sent_bytes_total", "Bytes sent."});
//   sent.add();      // 1
//   sent.add(1460);  // 1461 in all
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "notch/cell.h"
#include "notch/exemplar.h"

namespace notch {

// A handle of 8 bytes: copies freely, never dangles, good in any thread and in forked children.
// Get one from notch::counter() or a family's with(); a default one counts nothing (the agent sees
// how often that happened). Every operation is thread-safe and async-signal-safe, and cannot fail.
class Counter {
 public:
  Counter() = default;
  explicit Counter(notch_series series) noexcept : offset_(series.offset) {}

  // Adds 1. Cost: about 1 ns, no system call, no lock.
  void add() noexcept { cell::add(offset_, std::uint64_t{1}); }

  // Adds `amount`. A negative one is not added but counted as dropped.
  template <std::integral T>
  void add(T amount) noexcept {
    if constexpr (std::is_signed_v<T>) {
      if (amount < 0) [[unlikely]]
        return notch_v1_drop_negative();
    }
    cell::add(offset_, static_cast<std::uint64_t>(amount));
  }

  // Adds `amount` and leaves `exemplar` as the counter's last. Cost: about 14 ns more than add().
  template <std::integral T>
  void add(T amount, const Exemplar& exemplar) noexcept {
    add(amount);
    if constexpr (std::is_signed_v<T>) {
      if (amount < 0) return;
    }
    notch_v1_exemplar(offset_, static_cast<double>(amount), exemplar.raw());
  }

  Counter& operator++() noexcept {
    add();
    return *this;
  }

  // False for a handle that counts nothing.
  explicit operator bool() const noexcept { return offset_ != 0; }

  static constexpr std::uint32_t kType = NOTCH_COUNTER;
  static constexpr std::uint32_t kNumber = NOTCH_UNSIGNED;

 private:
  std::uint64_t offset_ = 0;
};

}  // namespace notch
