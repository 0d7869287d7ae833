// Functions that no library has at the start and one brings later: a table of two of them stands in
// for the true one (stand_in/).
#include "client/preload/real_functions.h"

#include <dlfcn.h>
#include <errno.h>
#include <gtest/gtest.h>

#include "client/preload/next_symbol.h"

namespace notch::preload {
namespace {

TEST(RealFunctions, WhatComesLaterIsFoundAtItsNextCall) {
  find_real_functions();
  errno = 0;
  EXPECT_EQ(real_function(real_functions.notch_late_half)(34), -1);
  EXPECT_EQ(errno, ENOSYS);
  void* const library = dlopen(NOTCH_LATE_FUNCTION, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  errno = EDOM;
  EXPECT_EQ(real_function(real_functions.notch_late_half)(34), 17);
  EXPECT_EQ(errno, EDOM);
  EXPECT_EQ(reinterpret_cast<void*>(real_functions.notch_late_half),
            dlsym(library, "notch_late_half"));
  EXPECT_EQ(real_function(real_functions.notch_never)(), -1);
  EXPECT_EQ(real_functions.notch_never, nullptr);
}

TEST(Imports, AreSeenInALibraryThatExportsNothing) {
  EXPECT_FALSE(is_any_imported("notch_other\0notch_unheard_of", 2));
  void* const library = dlopen(NOTCH_HIDDEN_IMPORT, RTLD_LAZY | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  EXPECT_TRUE(is_any_imported("notch_other\0notch_unheard_of", 2));
  EXPECT_FALSE(is_any_imported("notch_other\0notch_unheard", 2));
}

}  // namespace
}  // namespace notch::preload
