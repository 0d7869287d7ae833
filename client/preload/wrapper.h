// What a wrapper is: the exported function of a row of wrappers.def. A module's .cc file defines
// its bodies, then includes its rows with this macro:
//
//   #define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
//   #include "client/preload/io_wrappers.def"
//
// A body counts after the real call and holds nothing across it but locals: a thread may be
// cancelled in there, and then nothing behind it runs. It leaves errno as the real call did.
// Called by: the module files of this folder.
#pragma once

#include "client/preload/modules.h"
#include "client/preload/real_functions.h"

// The function has a C++ name of ours, and libc's name for the linker alone: so no attribute of
// libc's own declaration gets in the way, and calls in this library never reach a wrapper by
// chance.
#define NOTCH_DEFINE_WRAPPER(module, result, name, parameters, arguments, body)                \
  extern "C" __attribute__((visibility("default")))                                            \
  result notch_wrap_##name parameters __asm__(#name);                                          \
  result notch_wrap_##name parameters {                                                        \
    auto* const real = ::notch::preload::real_function(::notch::preload::real_functions.name); \
    if (!::notch::preload::is_active(::notch::preload::module)) return real arguments;         \
    return ::notch::preload::body(real NOTCH_AND arguments);                                   \
  }
#define NOTCH_AND(...) __VA_OPT__(, ) __VA_ARGS__
