// Keeps how long slots have been empty, and says when a slot can be given to another.
// Called by: slot_owners, cpu_probe.
//
// Invariants
//   QS1  A slot is quiet once two looks at least kQuiet_s apart, and all between, found no task in
//        it. By then every kernel program that had read the slot has long ended, and so has the
//        kernel's delay in freeing a task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace notch::ebpf {

class QuietSlots {
 public:
  static constexpr std::uint64_t kQuiet_s = 10;

  explicit QuietSlots(std::size_t slots) : empty_since_s_(slots) {}

  // A look found so many tasks. True if the slot is quiet. `now_s`: of a clock that does not step.
  bool look(std::size_t slot, std::uint64_t tasks, std::uint64_t now_s) {
    std::optional<std::uint64_t>& since_s = empty_since_s_[slot];
    if (tasks != 0) since_s.reset();
    if (tasks != 0) return false;
    if (!since_s) since_s = now_s;
    return now_s - *since_s >= kQuiet_s;
  }

  // The slot has an owner from now on.
  void taken(std::size_t slot) { empty_since_s_[slot].reset(); }

 private:
  std::vector<std::optional<std::uint64_t>> empty_since_s_;
};

}  // namespace notch::ebpf
