#include "client/preload/real_functions.h"

#include <errno.h>

#include "client/preload/next_symbol.h"

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

}  // namespace

constinit RealFunctions real_functions{};

void find_real_functions() noexcept {
  void* found[kCount] = {};
  find_next_symbols(kNames, kCount, found);
  auto* const entries = reinterpret_cast<void**>(&real_functions);
  for (std::size_t i = 0; i < kCount; ++i) {
    void* const missing = reinterpret_cast<void*>(&missing_function);
    // Relaxed: see real_function().
    shm::write_alone(entries[i], found[i] != nullptr ? found[i] : missing);
  }
}

void* find_real_function(std::size_t slot) noexcept {
  const int saved_errno = errno;
  find_real_functions();
  errno = saved_errno;
  return shm::read_alone(reinterpret_cast<void**>(&real_functions)[slot]);
}

}  // namespace notch::preload
