// Knows a child made by vfork: it runs in its parent's memory, so what it closes and copies must
// not be taken for the parent's. Called by: the wrappers that note what a descriptor is, and
// _exit's.
//
// vfork returns twice on one stack, so its wrapper cannot be a function that returns: what it keeps
// on the stack the child overwrites before the parent comes back to it.
//
// On x86-64 it keeps its caller's address in the thread's own memory instead, and both returns of
// the real vfork pass through it: the child's sets a mark, the parent's clears it. No system call.
// Elsewhere it notes that a child may follow, and jumps to the real one; who runs then is asked of
// the kernel, once, and only by the next call here of the thread that forked.
//
// Invariants
//   VF1  For a thread and the child that has borrowed it at most one address is kept: a vfork of the
//        child's, or of a signal handler's in between, goes to the real one and is not followed. So
//        nothing is overwritten that anybody will return to, and the mark of a child stays. (A
//        handler that leaves by longjmp in between has its thread's later vforks not followed.)
//   VF2  The mark is the child's from its return on, until its parent's. A signal handler that the
//        parent runs before the child is there is not taken for the child.
//   VF3  A child made by fork is none made by vfork, whatever its thread remembers.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
// Of this thread: where its vfork returns to, null if none is under way; 1 in the child.
extern "C" {
extern __thread void* notch_vfork_caller
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern __thread std::uint32_t notch_vfork_is_child
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
}
#endif

namespace notch::preload {

// VF3. For the constructor.
void watch_forks() noexcept;

#if defined(__x86_64__)

inline bool is_vfork_child() noexcept {
  return notch_vfork_is_child != 0;
}

#else

// Of this thread: the process that called vfork, 0 if none did since it was last asked.
extern __thread std::int32_t vforking_process __attribute__((tls_model("initial-exec")));

// Asks; forgets it if this is the parent.
bool is_vfork_child_asked() noexcept;

inline bool is_vfork_child() noexcept {
  return vforking_process != 0 && is_vfork_child_asked();
}

#endif

}  // namespace notch::preload
