// The objects of this process, in the order of loading: dl_iterate_phdr() of libc itself. The name
// may lead elsewhere: ThreadSanitizer's run time has one of its own, which is a jump to nowhere
// until that run time has begun; and it begins with calls that pass our wrappers.
// Called by: next_symbol.cc, openssl_search.cc, life.cc.
//
// Invariants
//   LO1  Libc is found by the loader's own list (_r_debug), up to libc's entry: those were there
//        before any code of the process ran, and stay.
//   LO2  Where there is no such list, or no glibc in it, visit_objects() goes by the name.
#pragma once

#include <link.h>

#include <cstddef>

namespace notch::preload {

// Calls `visit` until it gives another number than 0, which is the result.
int visit_objects(int (*visit)(dl_phdr_info*, std::size_t, void*), void* data) noexcept;

// Libc's own function of this name, whoever else has one; null if that cannot be said.
void* libc_function(const char* name) noexcept;

// Whether libc is the one that this library is made for.
bool is_glibc() noexcept;

}  // namespace notch::preload
