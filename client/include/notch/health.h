// How this process stands with the agent: attached or not, and why not; how much was dropped. And
// memory ahead of need, for real-time parts and sandboxes.
//
// Use:
//   #include <cstdio>
//   #include <cstring>
//   const notch_health health = notch::health();
//   if (health.attached == 0)
//     std::printf("nobody sees these counts: %s\n", std::strerror(health.system_errno));
//   notch::reserve(100);  // 100 label sets of counters: no system call for them later
//   notch::seal(20, 16);  // before seccomp: 20 label sets of a histogram with 14 bounds
#pragma once

#include <cstddef>

#include "notch/abi.h"

namespace notch {

// Cost: some microseconds. Thread-safe. Attaches if that was not yet tried.
inline notch_health health() noexcept {
  notch_health result;
  notch_v1_health(&result);
  return result;
}

// Commits memory for this many more label sets, so that no system call is made for them later.
// `cells_each` is 1 for counters and gauges, 2 for gauges of mode last, a histogram's bounds + 2.
// False if there is not enough.
inline bool reserve(std::size_t label_sets, std::size_t cells_each = 1) noexcept {
  return notch_v1_reserve(label_sets * cells_each, label_sets, 0) == 0;
}

// The same, and from here on Notch makes no system call in this process, whatever happens: what
// would need one goes to column 0 or the overflow series. To be called before a sandbox is entered.
inline bool seal(std::size_t label_sets, std::size_t cells_each = 1) noexcept {
  return notch_v1_reserve(label_sets * cells_each, label_sets, 1) == 0;
}

}  // namespace notch
