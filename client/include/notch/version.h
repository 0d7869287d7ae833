// The version of these headers, and of the library they were installed with.
//
// Use:
//   static_assert(NOTCH_VERSION_MAJOR == 0, "written for notch 0");
#pragma once

#include "notch/abi.h"

#define NOTCH_VERSION_MAJOR 0
#define NOTCH_VERSION_MINOR 1
#define NOTCH_VERSION_PATCH 0
#define NOTCH_VERSION "0.1.0"
