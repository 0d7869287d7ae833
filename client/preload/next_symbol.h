// Finds functions by name in the libraries behind this one, by their own hash tables. dlsym()
// would do, but it allocates for a name that is missing (and our malloc may be what it then calls),
// and before glibc 2.34 it is in a library we do not want to need.
// Called by: real_functions.cc, life.cc.
//
// Invariants
//   NS1  Allocates nothing, calls nothing of the program's, changes no errno.
//   NS2  Of several versions of a symbol the default one is taken, as a new program would get it.
#pragma once

#include <cstddef>

namespace notch::preload {

// For each of `count` names, one zero-terminated string behind the other, that `found` has no
// address for: its first definition in an object behind ours in the order of loading.
void find_next_symbols(const char* names, std::size_t count, void** found) noexcept;

// The first definition in any object, ours included; null if there is none.
void* find_any_symbol(const char* name) noexcept;

// Whether an object that is loaded, ours left out, asks others for one of these names, or cannot be
// asked (imports_any()).
bool is_any_imported(const char* names, std::size_t count) noexcept;

}  // namespace notch::preload
