// The boot id: what the kernel says, and the text it says it in.
#include "agent/ledger/boot_id.h"

#include <gtest/gtest.h>

namespace notch::agent {
namespace {

TEST(BootId, IsTheUuidsBytes) {
  const BootId expected = {0x6f, 0x1c, 0x02, 0xa9, 0x00, 0x11, 0x42, 0x33,
                           0x84, 0x55, 0xde, 0xad, 0xbe, 0xef, 0x00, 0xff};
  EXPECT_EQ(parse_boot_id("6f1c02a9-0011-4233-8455-deadbeef00ff\n"), expected);
}

TEST(BootId, IsNotMadeFromLessThanAUuid) {
  EXPECT_FALSE(parse_boot_id("").has_value());
  EXPECT_FALSE(parse_boot_id("6f1c02a9-0011-4233-8455-deadbeef00f").has_value());
  EXPECT_FALSE(parse_boot_id("6f1c02a9-0011-4233-8455-deadbeef00fg").has_value());
}

TEST(BootId, IsToldByTheKernelAndStays) {
  ASSERT_TRUE(read_boot_id().has_value());
  EXPECT_EQ(read_boot_id(), read_boot_id());
}

}  // namespace
}  // namespace notch::agent
