// The add: one number to one cell, with no system call, lock, allocation or exception.
// Called by: the inline operations of counter.h, histogram.h and their neighbours. Not for users.
//
//   add(offset, amount):
//     restartable section:                  (the kernel restarts it if the thread is preempted,
//       id     = this thread's mm_cid        migrated or signalled inside)
//       column = columns[id]                 null: not attached, forked, no column for this id yet
//       if column is null: call the library, which adds to column 0 (before Linux 6.3: always
//                          null; the library has a section by processor)
//       *(column + offset) += amount         the one store, and the last instruction
//
// Invariants
//   CE1  No two running threads of a process have the same mm_cid (Linux 6.3), so the plain add
//        is alone.
//   CE2  The column is loaded inside the section: a fork in a signal handler restarts the child's
//        add, which then reads null from the wiped page, not its parent's address.
//   CE3  One section commits one store. Two would add twice when restarted between them.
//   CE4  A thread's rseq_cs never points to a section that was unloaded: the kernel reads what it
//        points to at the thread's next interruption, and kills a thread for which nothing is there.
//        In code that may be unloaded it is therefore cleared behind the section. In a program's own
//        code, which stays until exec (where the kernel forgets rseq_cs), it is left: the kernel
//        clears it when it interrupts the thread outside the section. NOTCH_STAYS_LOADED tells
//        which.
//   CE5  A thread that the kernel refused to register (cpu_id < 0) takes the library's way.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "notch/abi.h"

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_THREAD__) && \
    !defined(NOTCH_NO_RSEQ)
#if defined(__has_feature)
#if !__has_feature(thread_sanitizer)
#define NOTCH_RSEQ 1
#endif
#else
#define NOTCH_RSEQ 1
#endif
#endif

// Whether the code that includes this is never unloaded, nor moved by writing over its own text:
// true of what is compiled for a program (-fPIE, or neither that nor -fPIC). A shared library that
// is linked with -z nodelete may set it to 1; a program that replaces its text while it runs, as
// some do to have it on huge pages, to 0. Both kinds may meet in one program: where the linker
// keeps one body of an inline function, either is right there.
#ifndef NOTCH_STAYS_LOADED
#if defined(__PIC__) && !defined(__PIE__)
#define NOTCH_STAYS_LOADED 0
#else
#define NOTCH_STAYS_LOADED 1
#endif
#endif

namespace notch::cell {

// By its bits: a program built with -ffast-math has no other test that stays.
inline bool is_finite(double value) noexcept {
  return std::bit_cast<std::uint64_t>(value) << 1 < std::uint64_t{0x7ff} << 53;
}

// Whether it can be observed; if not, it is counted as dropped.
inline bool is_observable(double value) noexcept {
  if (is_finite(value)) return true;
  notch_v1_drop_not_finite();
  return false;
}

#ifdef NOTCH_RSEQ
// Restarts after which an add goes to column 0: a debugger that steps through restarts it for ever.
#define NOTCH_RSEQ_RESTARTS 64

#if NOTCH_STAYS_LOADED
#define NOTCH_RSEQ_CLEAR
#else
#define NOTCH_RSEQ_CLEAR "movq $0, %%fs:8(%[rseq])\n\t"
#endif

// struct rseq: cpu_id at 4, rseq_cs at 8, mm_cid at 24. 0x53053053 is glibc's RSEQ_SIG, and the
// bytes before it make the signature an undefined instruction (ud1), as the kernel's headers ask
// for x86. The "?" puts both sections into the group of the function they belong to, so that the
// linker drops them together with a duplicate of an inline function.
#define NOTCH_RSEQ_SECTION(load, commit)                                                 \
  ".pushsection __rseq_cs, \"aw?\"\n\t.balign 32\n"                                      \
  "3:\n\t.long 0, 0\n\t.quad 1f, 2f-1f, 4f\n\t.popsection\n"                             \
  "0:\n\tleaq 3b(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[rseq])\n"                         \
  "1:\n\tcmpl $0, %%fs:4(%[rseq])\n\tjs %l[slow]\n\t" load                               \
  "testq %%rax, %%rax\n\tjz %l[slow]\n\t" commit "\n2:\n\t" NOTCH_RSEQ_CLEAR             \
  ".pushsection __rseq_failure, \"ax?\"\n\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n" \
  "4:\n\tdecl %[restarts]\n\tjz %l[slow]\n\tjmp 0b\n\t.popsection\n\t"

// Acquire: the address of the add depends on the pointer loaded, so that it finds the memory that
// was there before the pointer was stored. [tag: column-pointer]
#define NOTCH_RSEQ_OWN_COLUMN "movl %%fs:24(%[rseq]), %%eax\n\tmovq (%[columns],%%rax,8), %%rax\n\t"
#define NOTCH_RSEQ_COLUMN_0 "movq 65536(%[columns]), %%rax\n\t"
static_assert(NOTCH_SHARED_COLUMN * sizeof(void*) == 65536);

[[gnu::always_inline]] inline void add(std::uint64_t offset, std::uint64_t amount) noexcept {
  std::uint32_t restarts = NOTCH_RSEQ_RESTARTS;
  asm volatile goto(NOTCH_RSEQ_SECTION(NOTCH_RSEQ_OWN_COLUMN, "addq %[amount], (%%rax,%[offset])")
                    : [restarts] "+r"(restarts)
                    : [rseq] "r"(notch_v1_hot.rseq_offset), [columns] "r"(notch_v1_hot.columns),
                      [offset] "r"(offset), [amount] "er"(amount)
                    : "rax", "cc"
                    : slow);
  return;
slow:
  notch_v1_add_integer(offset, amount);
}

[[gnu::always_inline]] inline void add(std::uint64_t offset, double amount) noexcept {
  std::uint32_t restarts = NOTCH_RSEQ_RESTARTS;
  asm volatile goto(
      NOTCH_RSEQ_SECTION(NOTCH_RSEQ_OWN_COLUMN,
                         "movsd (%%rax,%[offset]), %%xmm15\n\taddsd %[amount], %%xmm15\n\t"
                         "movsd %%xmm15, (%%rax,%[offset])")
      : [restarts] "+r"(restarts)
      : [rseq] "r"(notch_v1_hot.rseq_offset), [columns] "r"(notch_v1_hot.columns),
        [offset] "r"(offset), [amount] "x"(amount)
      : "rax", "xmm15", "cc"
      : slow);
  return;
slow:
  notch_v1_add_float(offset, amount);
}
// A gauge's store: column 0, the complement of the bits, so that zero means "never set". In a
// section for the address's sake alone (CE2); any thread may store, the last one wins.
[[gnu::always_inline]] inline void set(std::uint64_t offset, double value) noexcept {
  if (!is_finite(value)) return notch_v1_set_gauge(offset, value, 0);
  std::uint32_t restarts = NOTCH_RSEQ_RESTARTS;
  asm volatile goto(NOTCH_RSEQ_SECTION(NOTCH_RSEQ_COLUMN_0, "movq %[bits], (%%rax,%[offset])")
                    : [restarts] "+r"(restarts)
                    : [rseq] "r"(notch_v1_hot.rseq_offset), [columns] "r"(notch_v1_hot.columns),
                      [offset] "r"(offset), [bits] "r"(~std::bit_cast<std::uint64_t>(value))
                    : "rax", "cc", "memory"
                    : slow);
  return;
slow:
  notch_v1_set_gauge(offset, value, 0);
}
#else
inline void add(std::uint64_t offset, std::uint64_t amount) noexcept {
  notch_v1_add_integer(offset, amount);
}
inline void add(std::uint64_t offset, double amount) noexcept {
  notch_v1_add_float(offset, amount);
}
inline void set(std::uint64_t offset, double value) noexcept {
  notch_v1_set_gauge(offset, value, 0);
}
#endif

// Relaxed: a number that needs nothing else to be read.
inline std::uint32_t read_alone(std::uint32_t& word) noexcept {
  return std::atomic_ref<std::uint32_t>(word).load(std::memory_order_relaxed);
}

}  // namespace notch::cell
