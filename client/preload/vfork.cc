#include "client/preload/vfork.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "client/preload/connection_record.h"
#include "client/preload/core.h"
#include "client/preload/modules.h"
#include "client/preload/raw_system_call.h"
#include "client/preload/real_functions.h"

#if defined(__x86_64__)

extern "C" {
__thread void* notch_vfork_caller;
__thread std::uint32_t notch_vfork_is_child;
}

namespace notch::preload {
namespace {

void forget_vfork() noexcept {
  notch_vfork_caller = nullptr;
  notch_vfork_is_child = 0;
}

}  // namespace
}  // namespace notch::preload

// The C half of the wrapper: what to call, in rax, and in rdx whether its returns are to be seen.
struct NextVfork {
  void* real;
  std::uint64_t is_followed;
};

extern "C" NextVfork notch_before_vfork() {
  using namespace notch::preload;
  void* const real = reinterpret_cast<void*>(real_function(real_functions.vfork));
  note_fork();
  return {real, is_active(kAlways) && notch_vfork_caller == nullptr ? 1U : 0U};
}

// The real vfork is called with the caller's own stack pointer, and keeps in a register where to
// return to: here. The caller's address, which was on the stack, is kept by VF1. It is in rdx too,
// which no vfork uses, for unwinders alone. The child returns on what is the parent's stack as
// well, and the parent then writes its return address there anew, as libc's does.
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
  testq %rdx, %rdx
  jnz 1f
  jmp *%rax
1:
  .cfi_remember_state
  popq %rdx
  .cfi_adjust_cfa_offset -8
  .cfi_register %rip, %rdx
  movq notch_vfork_caller@gottpoff(%rip), %rcx
  movq %rdx, %fs:(%rcx)
  call *%rax
  movq notch_vfork_caller@gottpoff(%rip), %rcx
  movq notch_vfork_is_child@gottpoff(%rip), %rsi
  pushq %fs:(%rcx)
  .cfi_restore_state
  testl %eax, %eax
  jz 2f
  movl $0, %fs:(%rsi)
  movq $0, %fs:(%rcx)
  ret
2:
  movl $1, %fs:(%rsi)
  ret
  .cfi_endproc
  .size vfork, .-vfork
  .popsection
)");

#elif defined(__aarch64__)

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
  note_fork();
  return reinterpret_cast<void*>(real_function(real_functions.vfork));
}

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

namespace notch::preload {

void watch_forks() noexcept {
  pthread_atfork(nullptr, nullptr, forget_vfork);
}

}  // namespace notch::preload
