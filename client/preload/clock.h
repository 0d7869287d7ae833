// The time between two moments, as cheaply as this machine has it and without a system call.
// Called by: the wrappers that measure a latency.
//
// Three ways, the first that is safe and known to work:
//   kCounter  the processor's time stamp counter, once it is known to run evenly and how fast
//   kVdso     clock_gettime() where it makes no system call: by CLOCK_MONOTONIC or, where that one
//             is slow, as with the kernel's clock sources hpet, acpi_pm and xen, by
//             CLOCK_MONOTONIC_COARSE, which the vDSO reads from memory. It goes on by a tick of the
//             kernel's, 1 to 4 ms: a short time is then mostly 0 and now and then a tick, and sums
//             are right on average.
//   kNone     no time at all: what is timed is still counted. After SECCOMP_MODE_STRICT and
//             PR_TSC_SIGSEGV, which make the other two deadly, and where there is no vDSO.
//
// Invariants
//   CK1  No system call, lock or allocation; errno is not touched.
//   CK2  A measurement whose two moments were taken by different ways is none.
#pragma once

#include <time.h>

#include <cstdint>

namespace notch::preload {

enum class ClockWay : std::uint32_t { kNone = 0, kVdso = 1, kCounter = 2 };

struct Moment {
  std::uint64_t at = 0;  // ns or ticks
  ClockWay by = ClockWay::kNone;
};

// Chooses a way. For the constructor. `libcs`: libc's own clock_gettime, if it is known, for another
// library may have taken the name to tell the program another time. True: by the coarse clock.
using ReadClock = int (*)(clockid_t clock, timespec* time);
bool start_clock(ReadClock libcs = nullptr) noexcept;

// From here on, no way or the chosen one again.
void forbid_clock() noexcept;
void allow_clock() noexcept;

Moment now() noexcept;

// Seconds from then to now; negative if that cannot be said.
double seconds_since(const Moment& then) noexcept;

// Nanoseconds that go on evenly whichever way they are taken, for times that are kept; 0 if that
// cannot be said.
std::uint64_t now_ns() noexcept;

struct Sampling {
  std::uint32_t until_next;
  std::uint32_t random;
};
extern __thread Sampling sampling __attribute__((tls_model("initial-exec")));

// True for the first operation of a thread, then for one in 32.5 on average, at random distances,
// so that no rhythm of a program's hides from it. A signal handler in between may cost a sample.
inline bool is_sampled() noexcept {
  if (sampling.until_next-- != 0) [[likely]]
    return false;
  sampling.random = sampling.random * 1664525U + 1013904223U;
  sampling.until_next = sampling.random >> 26;  // 0 to 63
  return true;
}

}  // namespace notch::preload
