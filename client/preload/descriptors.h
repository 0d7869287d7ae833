// The kind of each descriptor, learnt from the calls that make, copy and close it. The kernel is asked
// only about a descriptor that another process made. Called by: the wrappers of io and of what else tells files from sockets.
//
// A close that is a system call of libc's syscall() is seen as well (libuv makes all of its so).
//
// Invariants
//   DI1  A byte for each number below kMostDescriptors; what is above is of the kind kOther.
//   DI2  A number that is closed by a way we do not see keeps its kind until a call that we see
//        makes it anew.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/memory_order.h"

namespace notch::preload {

enum class Kind : std::uint8_t { kOther = 0, kFile = 1, kSocket = 2, kPipe = 3 };

inline constexpr std::size_t kKinds = 4;
inline constexpr unsigned kMostDescriptors = 65536;

alignas(std::uint64_t) extern std::uint8_t descriptor_kinds[kMostDescriptors];

// Relaxed, here and below: the byte stands alone, and who races with a close races in the kernel.
inline Kind kind_of(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  if (index >= kMostDescriptors) return Kind::kOther;
  return static_cast<Kind>(shm::read_alone(descriptor_kinds[index]));
}

inline void set_kind(int fd, Kind kind) noexcept {
  const auto index = static_cast<unsigned>(fd);
  if (index < kMostDescriptors)
    shm::write_alone(descriptor_kinds[index], static_cast<std::uint8_t>(kind));
}

// Numbers first to last, both included, are closed. Nothing is written where nothing is known, and
// eight are looked at in one: programs close all there could be.
inline void forget_kinds(unsigned first, unsigned last) noexcept {
  constexpr unsigned kWord = sizeof(std::uint64_t);
  for (unsigned i = first; i <= last && i < kMostDescriptors;) {
    const auto* const word = reinterpret_cast<const std::uint64_t*>(&descriptor_kinds[i]);
    if (i % kWord == 0 && shm::read_alone(*word) == 0) {
      i += kWord;
      continue;
    }
    if (shm::read_alone(descriptor_kinds[i]) != 0) set_kind(static_cast<int>(i), Kind::kOther);
    ++i;
  }
}

// A system call that the program makes by its number.
void note_before_system_call(long number, long a, long b, long c) noexcept;
void note_after_system_call(long number, long a, long b, long result) noexcept;

// Asks the kernel what 0, 1 and 2 are, which this program inherited. For the constructor. Returns
// those that are the socket which 0 is, a bit for each; 0 if that is none.
unsigned learn_standard_descriptors() noexcept;

}  // namespace notch::preload
