#include "client/counting_mode.h"

#include <sched.h>
#include <string.h>
#include <sys/auxv.h>

#include <bit>
#include <cstddef>
#include <iterator>

#include "client/column_entries.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

// glibc 2.35 and later; absent elsewhere, and then there is no rseq to use.
extern "C" {
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
}

namespace notch::client {
namespace {

// Offsets in struct rseq, as in cell.h.
constexpr std::size_t kCpuIdOffset = 4;
constexpr std::size_t kSectionOffset = 8;
constexpr std::size_t kMmCidOffset = 24;
constexpr unsigned long kMmCidEnd = 28;

// Takes the place of the thread's struct rseq where there is none; the columns are null then.
thread_local char no_rseq[32] __attribute__((aligned(32), tls_model("initial-exec")));

// The same before find_counting_mode() has run: an early constructor of the program may add before
// that. These are 512 bytes of glibc's thread header, which once held vector registers and are unused
// and zero since (__glibc_unused2 of tcbhead_t). Offset 0 would not do: an add writes at 8, where the
// thread's table of TLS blocks is.
#if defined(__x86_64__)
constexpr ptrdiff_t kUnusedInThreadHeader = 128;
#else
constexpr ptrdiff_t kUnusedInThreadHeader = 0;  // no section here, and nothing is written
#endif

// Never written, and const, so that it does not take room in the page of written data.
void* const no_columns[kColumnEntries] = {};

char* thread_rseq() noexcept {
  return reinterpret_cast<char*>(thread_pointer()) + notch_v1_hot.rseq_offset;
}

// The number of ids that a process's threads may have. Concurrency ids are given from 0 up, at most one
// for each processor that the process may use; processor numbers go up to that of the last processor.
// 0 if the kernel does not say.
std::uint32_t possible_ids(pid_t pid) noexcept {
  constexpr std::uint32_t kBitsPerWord = 8 * sizeof(long);
  unsigned long mask[1024 / kBitsPerWord] = {};
  const shm::KeepErrno keep;
  if (sched_getaffinity(pid, sizeof mask, reinterpret_cast<cpu_set_t*>(mask)) != 0) return 0;
  std::uint32_t processors = 0;
  std::uint32_t end = 0;  // behind the last one
  for (std::uint32_t word = 0; word < std::size(mask); ++word) {
    if (mask[word] == 0) continue;
    // Not std::popcount: without the instruction it is a call into libgcc_s, which we do without.
    for (unsigned long left = mask[word]; left != 0; left &= left - 1) ++processors;
    end = word * kBitsPerWord + static_cast<std::uint32_t>(std::bit_width(mask[word]));
  }
  return counts_by_cpu() ? end : processors;
}

}  // namespace

std::uintptr_t thread_pointer() noexcept {
  std::uintptr_t pointer = 0;
#if defined(__x86_64__)
  asm("movq %%fs:0, %0" : "=r"(pointer));
#else
  pointer = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#endif
  return pointer;
}

std::int32_t column_id() noexcept {
  const char* const rseq = thread_rseq();
  std::int32_t cpu_id = 0;
  std::int32_t mm_cid = 0;
  memcpy(&cpu_id, rseq + kCpuIdOffset, sizeof cpu_id);
  memcpy(&mm_cid, rseq + kMmCidOffset, sizeof mm_cid);
  if (cpu_id < 0) return -1;
  return counts_by_cpu() ? cpu_id : mm_cid;
}

void find_counting_mode() noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
  const bool registered = &__rseq_size != nullptr && __rseq_size != 0;
  if (registered) {
    notch_v1_hot.rseq_offset = __rseq_offset;
    counting_mode = getauxval(AT_RSEQ_FEATURE_SIZE) >= kMmCidEnd ? shm::CountingMode::kRseq
                                                                 : shm::CountingMode::kRseqByCpu;
    return;
  }
#endif
  notch_v1_hot.rseq_offset =
      static_cast<ptrdiff_t>(reinterpret_cast<std::uintptr_t>(no_rseq) - thread_pointer());
}

// A thread may have bound itself to one processor before it defines its metrics, while the others
// run elsewhere; the first process of the container seldom is bound.
std::uint32_t wanted_columns() noexcept {
  if (!counts_by_rseq()) return 1;
  const std::uint32_t own = possible_ids(0);
  const std::uint32_t first = possible_ids(1);
  const std::uint32_t ids = own > first ? own : first;
  const std::uint32_t most = shm::kMaxColumns - 1;
  if (ids == 0) return 1 + most;
  return 1 + (ids < most ? ids : most);
}

void leave_section() noexcept {
#if defined(__x86_64__)
  // Relaxed: only the kernel reads it, when it has stopped this thread.
  shm::write_alone(*reinterpret_cast<std::uint64_t*>(thread_rseq() + kSectionOffset),
                   std::uint64_t{0});
#endif
}

}  // namespace notch::client

notch_hot notch_v1_hot = {const_cast<void**>(notch::client::no_columns),
                          notch::client::kUnusedInThreadHeader};
