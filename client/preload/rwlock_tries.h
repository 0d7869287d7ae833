// Whether a read-write lock may be tried where the program asked to wait for it.
// Called by: lock_figures.cc.
#pragma once

namespace notch::preload {

// Of glibc's version, such as "2.36". From 2.25, which made these locks anew, to 2.29 a try that
// fails in a certain moment leaves other threads waiting for ever (bugs 23844 and 23861): a program
// that never tries must not be made to. Of a version that cannot be read nothing is known.
constexpr bool may_try_rwlocks(const char* version) noexcept {
  constexpr unsigned kMost = 9999;
  unsigned numbers[2] = {};
  for (int i = 0; i < 2; ++i) {
    if (version == nullptr || *version < '0' || *version > '9') return false;
    for (; *version >= '0' && *version <= '9'; ++version) {
      numbers[i] = numbers[i] * 10 + static_cast<unsigned>(*version - '0');
      if (numbers[i] > kMost) return false;
    }
    if (i == 0 && *version++ != '.') return false;
  }
  return numbers[0] != 2 || numbers[1] < 25 || numbers[1] > 29;
}

}  // namespace notch::preload
