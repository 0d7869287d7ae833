#include "client/preload/vfork.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "client/preload/core.h"
#include "client/preload/modules.h"
#include "client/preload/raw_system_call.h"
#include "client/preload/real_functions.h"

namespace notch::preload {

__thread std::int32_t vforking_process __attribute__((tls_model("initial-exec")));

namespace {

std::int32_t process_id() noexcept {
  return static_cast<std::int32_t>(notch_raw_system_call(SYS_getpid, 0, 0, 0, 0));
}

void forget_vfork() noexcept {
  vforking_process = 0;
}

}  // namespace

void watch_forks() noexcept {
  pthread_atfork(nullptr, nullptr, forget_vfork);
}

bool is_vfork_child_asked() noexcept {
  if (process_id() != vforking_process) return true;
  vforking_process = 0;
  return false;
}

}  // namespace notch::preload

// The C half of the wrapper: what to jump to. In a sandbox that may kill for getpid() nothing is
// noted, and the child's calls count as its parent's.
extern "C" void* notch_before_vfork() {
  using namespace notch::preload;
  if (is_active(kAlways) && !is_in_sandbox()) vforking_process = process_id();
  return reinterpret_cast<void*>(real_function(real_functions.vfork));
}

#if defined(__x86_64__)
asm(R"(
  .pushsection .text
  .globl vfork
  .type vfork, @function
vfork:
  .cfi_startproc
  endbr64
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call notch_before_vfork
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  jmp *%rax
  .cfi_endproc
  .size vfork, .-vfork
  .popsection
)");
#elif defined(__aarch64__)
asm(R"(
  .pushsection .text
  .globl vfork
  .type vfork, %function
vfork:
  .cfi_startproc
  stp x29, x30, [sp, #-16]!
  .cfi_adjust_cfa_offset 16
  bl notch_before_vfork
  ldp x29, x30, [sp], #16
  .cfi_adjust_cfa_offset -16
  mov x16, x0
  br x16
  .cfi_endproc
  .size vfork, .-vfork
  .popsection
)");
#endif
