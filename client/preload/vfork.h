// Knows a child made by vfork: it runs in its parent's memory, so what it closes and copies must
// not be taken for the parent's. Called by: the wrappers that note what a descriptor is, and
// _exit's.
//
// vfork returns twice on one stack, so its wrapper cannot be a function that returns: it notes that
// a child may follow, and jumps to the real one. Who runs then is asked of the kernel, once, and
// only by the next call here of the thread that forked.
#pragma once

#include <cstdint>

namespace notch::preload {

// Of this thread: the process that called vfork, 0 if none did since it was last asked.
extern __thread std::int32_t vforking_process __attribute__((tls_model("initial-exec")));

// A child made by fork is none made by vfork, though its thread remembers one. For the constructor.
void watch_forks() noexcept;

// Asks; forgets it if this is the parent.
bool is_vfork_child_asked() noexcept;

inline bool is_vfork_child() noexcept {
  return vforking_process != 0 && is_vfork_child_asked();
}

}  // namespace notch::preload
