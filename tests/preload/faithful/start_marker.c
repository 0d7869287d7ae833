// Preloaded before Notch's library, and so started after it: shows in a trace where start-up ends.
// Called by: faithful_case, which looks for this very call.

__attribute__((constructor)) static void mark(void) {
#if defined(__x86_64__)
  // close(-20047): no descriptor, so without effect; no libc, so nothing else is called.
  long result = 3;
  __asm__ volatile("syscall" : "+a"(result) : "D"(-20047L) : "rcx", "r11", "memory");
#endif
}
