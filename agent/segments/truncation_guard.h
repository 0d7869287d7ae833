// Keeps the agent alive when a writer cuts a file off under the agent's map: the kernel's SIGBUS is
// answered with pages of zeros, and a flag tells the owner that what it read was not the file's.
// Called by: main and tests (install_truncation_handler), mapped_segment (TruncationGuard).
//
// Invariants
//   TG1  A fault inside a guarded range costs one signal: everything from the fault's page to the
//        range's end becomes anonymous zeros, since a file cut off here is cut off there too.
//   TG2  A fault anywhere else, or a SIGBUS somebody sent, gets the default action: the
//        process ends.
//   TG3  The handler calls nothing but mmap and touches nothing but lock-free words.
//   TG4  A slot of the registry is reused, never freed: the handler may walk it at any instant.
#pragma once

#include <cstddef>
#include <cstdint>

namespace notch::agent {

// Sets the process's SIGBUS action; may be called again. False if the kernel refused.
bool install_truncation_handler() noexcept;

// One word per slot of the process-wide registry; see the .cc.
struct GuardSlot;

// While it lives, [begin, begin + bytes) is guarded. Movable. Not thread-safe: one thread guards
// ranges, though a fault may come on any.
class TruncationGuard {
 public:
  TruncationGuard() noexcept = default;

  // REQUIRES: begin is at a page's start, and the range stays mapped until destruction. Cost: one
  // look through the registry's slots; an allocation each time the registry is full. May throw
  // std::bad_alloc.
  TruncationGuard(const void* begin, std::size_t bytes);

  TruncationGuard(TruncationGuard&& other) noexcept;
  TruncationGuard& operator=(TruncationGuard&& other) noexcept;
  ~TruncationGuard();

  // True from the first fault inside the range on: what was read since is not to be believed.
  bool truncated() const noexcept;

 private:
  void release() noexcept;

  GuardSlot* slot_ = nullptr;
};

}  // namespace notch::agent
