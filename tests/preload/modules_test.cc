// The words of NOTCH_PRELOAD.
#include "client/preload/modules.h"

#include <gtest/gtest.h>

namespace notch::preload {
namespace {

TEST(Modules, AllButTlsAreOnWithoutAWord) {
  EXPECT_EQ(modules_of(nullptr), kByDefault);
  EXPECT_EQ(modules_of(""), kByDefault);
  EXPECT_EQ(kByDefault & kTls, 0U);
}

TEST(Modules, WordsAreJoinedByCommas) {
  EXPECT_EQ(modules_of("io"), kIo);
  EXPECT_EQ(modules_of("io,net,tls"), kIo | kNet | kTls);
  EXPECT_EQ(modules_of(",io,,dns,"), kIo | kDns);
  EXPECT_EQ(modules_of("all,tls"), kByDefault | kTls);
  EXPECT_EQ(modules_of("none"), 0U);
}

TEST(Modules, LiveBytesAreAskedForByTheirOwnWord) {
  EXPECT_EQ(kByDefault & kMallocLive, 0U);
  EXPECT_EQ(modules_of("malloc"), kMalloc);
  EXPECT_EQ(modules_of("malloc_live"), kMalloc | kMallocLive);
}

TEST(Modules, AnUnknownWordIsPassedOverAndTold) {
  const char* unknown = nullptr;
  EXPECT_EQ(modules_of("io,nett,malloc", &unknown), kIo | kMalloc);
  ASSERT_NE(unknown, nullptr);
  EXPECT_STREQ(unknown, "nett,malloc");
  unknown = nullptr;
  EXPECT_EQ(modules_of("ioo", &unknown), 0U);
  EXPECT_STREQ(unknown, "ioo");
}

TEST(Modules, AnInactiveLibraryIsActiveInNothing) {
  EXPECT_FALSE(is_active(kAlways));
  active_modules = kNet;
  EXPECT_TRUE(is_active(kAlways));
  EXPECT_TRUE(is_active(kDescriptors));
  EXPECT_FALSE(is_active(kIo));
  active_modules = 0;
}

}  // namespace
}  // namespace notch::preload
