// How much of each user's is bound anew. A user can make his own segments want it at any time (a
// name or room that comes and goes), and each time costs as much as the segments are large.
// Called by: collect.
//
// Invariants
//   AB1  Of one account kPerSecond units of work are bound anew a second in the long run, and once
//        so much was, nothing more until that much time has passed: a whole segment at a time.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "agent/tally/binding.h"

namespace notch::agent {

// About a microsecond each: a series, a chunk, 256 bytes of text.
std::uint64_t binding_work(const Binding& binding) noexcept;

class AnewBudget {
 public:
  static constexpr std::uint64_t kPerSecond = 50'000;
  static constexpr std::uint64_t kPerSweep = 500'000;  // of all accounts, and the last segment's

  void begin_sweep(std::uint64_t now_s);
  bool allows(std::uint32_t account) const;
  bool is_sweep_over() const noexcept { return of_sweep_ >= kPerSweep; }
  void spend(std::uint32_t account, std::uint64_t work);

 private:
  // By account: work done that its time has not passed for yet. None is zero.
  std::unordered_map<std::uint32_t, std::uint64_t> owed_;
  std::uint64_t of_sweep_ = 0;
  std::uint64_t last_s_ = 0;
};

}  // namespace notch::agent
