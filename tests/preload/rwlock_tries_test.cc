// On which versions of glibc a read-write lock may be tried.
#include "client/preload/rwlock_tries.h"

#include <gnu/libc-version.h>
#include <gtest/gtest.h>

namespace notch::preload {
namespace {

TEST(RwlockTries, AreLeftToTheProgramWhereTheyStallOthers) {
  for (const char* const version : {"2.25", "2.26", "2.27", "2.28", "2.28.9000", "2.29"})
    EXPECT_FALSE(may_try_rwlocks(version)) << version;
}

TEST(RwlockTries, AreMadeOnTheOthers) {
  for (const char* const version :
       {"2.17", "2.24", "2.24.90", "2.30", "2.36", "2.43", "2.250", "3.0", "3.27"})
    EXPECT_TRUE(may_try_rwlocks(version)) << version;
}

TEST(RwlockTries, AreNotMadeOnWhatIsNoVersion) {
  for (const char* const version :
       {"", "2", "2.", "two", ".30", "2,36", "99999.1", "2.99999999999", " 2.36"})
    EXPECT_FALSE(may_try_rwlocks(version)) << version;
  EXPECT_FALSE(may_try_rwlocks(nullptr));
}

TEST(RwlockTries, KnowThisVersion) {
  int minor = 0;
  ASSERT_EQ(sscanf(gnu_get_libc_version(), "2.%d", &minor), 1);
  EXPECT_EQ(may_try_rwlocks(gnu_get_libc_version()), minor < 25 || minor > 29);
}

}  // namespace
}  // namespace notch::preload
