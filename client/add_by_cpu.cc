#include "client/add_by_cpu.h"

#include "client/counting_mode.h"
#include "client/include/notch/cell.h"
#include "client/wiped.h"

namespace notch::client {

#ifdef NOTCH_RSEQ
// As NOTCH_RSEQ_OWN_COLUMN of cell.h, by the processor. [tag: column-pointer]
#define NOTCH_CPU_COLUMN                                                         \
  "movl %%fs:4(%[rseq]), %%eax\n\tcmpl %[processors], %%eax\n\tjae %l[slow]\n\t" \
  "movq (%[columns],%%rax,8), %%rax\n\t"

bool add_by_cpu(std::uint64_t offset, std::uint64_t amount) noexcept {
  std::uint32_t restarts = NOTCH_RSEQ_RESTARTS;
  asm volatile goto(
      NOTCH_RSEQ_SECTION(NOTCH_CPU_COLUMN, "addq %[amount], (%%rax,%[offset])")
      : [restarts] "+r"(restarts)
      : [rseq] "r"(notch_v1_hot.rseq_offset), [columns] "r"(notch_v1_hot.columns + kColumnsByCpu),
        [processors] "i"(kProcessors), [offset] "r"(offset), [amount] "er"(amount)
      : "rax", "cc", "memory"
      : slow);
  return true;
slow:
  return false;
}

bool add_by_cpu(std::uint64_t offset, double amount) noexcept {
  std::uint32_t restarts = NOTCH_RSEQ_RESTARTS;
  asm volatile goto(
      NOTCH_RSEQ_SECTION(NOTCH_CPU_COLUMN,
                         "movsd (%%rax,%[offset]), %%xmm15\n\t"
                         "addsd %[amount], %%xmm15\n\t"
                         "movsd %%xmm15, (%%rax,%[offset])")
      : [restarts] "+r"(restarts)
      : [rseq] "r"(notch_v1_hot.rseq_offset), [columns] "r"(notch_v1_hot.columns + kColumnsByCpu),
        [processors] "i"(kProcessors), [offset] "r"(offset), [amount] "x"(amount)
      : "rax", "xmm15", "cc", "memory"
      : slow);
  return true;
slow:
  return false;
}
#else
bool add_by_cpu(std::uint64_t, std::uint64_t) noexcept {
  return false;
}
bool add_by_cpu(std::uint64_t, double) noexcept {
  return false;
}
#endif

}  // namespace notch::client
