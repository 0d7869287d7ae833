// The version of the headers; compare with the library's to find a mix-up.
#pragma once

#include "notch/abi.h"

#define NOTCH_VERSION_MAJOR 0
#define NOTCH_VERSION_MINOR 1
#define NOTCH_VERSION_PATCH 0
#define NOTCH_VERSION "0.1.0"
