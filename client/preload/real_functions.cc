#include "client/preload/real_functions.h"

#include <errno.h>
#include <string.h>

#include "client/preload/next_symbol.h"
#include "shm/keep_errno.h"

namespace notch::preload {
namespace {

// One string for all, so that there is no table of addresses for the loader to fill in.
constexpr char kNames[] =
#define NOTCH_WRAPPER(module, result, name, parameters, arguments, body) #name "\0"
#include "client/preload/wrappers.def"
    ;
constexpr std::size_t kCount = sizeof(RealFunctions) / sizeof(void*);

long missing_function() noexcept {
  errno = ENOSYS;
  return -1;
}

// Relaxed: see real_function().
void keep(std::size_t slot, void* found) noexcept {
  if (found != nullptr) shm::write_alone(reinterpret_cast<void**>(&real_functions)[slot], found);
}

}  // namespace

constinit RealFunctions real_functions{};

void find_real_functions() noexcept {
  void* found[kCount] = {};
  find_next_symbols(kNames, kCount, found);
  for (std::size_t i = 0; i < kCount; ++i) keep(i, found[i]);
}

void* find_real_function(std::size_t slot) noexcept {
  const shm::KeepErrno keep_errno;
  const char* name = kNames;
  for (std::size_t i = 0; i < slot; ++i) name += strlen(name) + 1;
  void* found = nullptr;
  find_next_symbols(name, 1, &found);
  keep(slot, found);
  return found != nullptr ? found : reinterpret_cast<void*>(&missing_function);
}

}  // namespace notch::preload
