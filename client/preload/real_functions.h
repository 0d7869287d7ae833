// The functions behind the wrappers: those the program would have called without us.
// Called by: every wrapper; life.cc, which finds them all.
//
// Invariants
//   RF1  An entry goes once from null to what the next library in the order of the search has.
//   RF2  What no library has stays null: it is looked for again at each call, since a library that
//        has it may be opened later (libpthread before glibc 2.34). Till then a call fails with
//        ENOSYS.
#pragma once

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

#include "shm/memory_order.h"

namespace notch::preload {

struct RealFunctions {
#define NOTCH_WRAPPER(module, result, name, parameters, arguments, body) result(*name) parameters;
#include "client/preload/wrappers.def"
};

extern RealFunctions real_functions;

// All of them, in the order of the table. Allocates nothing and takes no lock of the dynamic
// loader's that a program could hold.
void find_real_functions() noexcept;

// One of them, `slot` being its place in the struct; what fails with ENOSYS if there is none.
void* find_real_function(std::size_t slot) noexcept;

// The entry, found now if somebody calls before our constructor, or if there was none then.
template <class Function>
[[gnu::always_inline]] inline Function* real_function(Function*& entry) noexcept {
  // Relaxed: the address is all there is to read, and whoever finds it finds the same.
  Function* const known = shm::read_alone(entry);
  if (known != nullptr) [[likely]]
    return known;
  const auto place =
      reinterpret_cast<std::uintptr_t>(&entry) - reinterpret_cast<std::uintptr_t>(&real_functions);
  return reinterpret_cast<Function*>(find_real_function(place / sizeof(void*)));
}

}  // namespace notch::preload
