// A system call without libc: no cancellation point, no wrapper of ours or of anybody else's.
// Called by: glibc_floor.h, vfork.cc, arrivals.cc.
#pragma once

#include <errno.h>

#if defined(__x86_64__)
static inline long notch_raw_system_call(long number, long a, long b, long c, long d, long e = 0) {
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long notch_raw_system_call(long number, long a, long b, long c, long d, long e = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
#else
#error "the preloaded library knows the system calls of x86-64 and aarch64"
#endif

// The same with libc's manners: -1 and errno.
static inline long notch_system_call(long number, long a, long b, long c, long d) {
  const long result = notch_raw_system_call(number, a, b, c, d);
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}
