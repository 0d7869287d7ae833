// The lineage key: whose processes have the same one, whoever they become. What its hash gives is
// what OpenSSL's SIPHASH gives (openssl mac -macopt size:16).
#include "client/lineage.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <set>
#include <string>

#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

constexpr const char* kProgram = NOTCH_BINARY_DIR "/tests/counting_program";
constexpr const char* kGiven = "00112233445566778899aabbccddeeff";

using Key = std::array<std::uint8_t, shm::kLineageKeyBytes>;

Key key_of(const shm::SegmentHeader& header) {
  Key key;
  std::memcpy(key.data(), header.lineage_key, key.size());
  return key;
}

class Lineage : public SegmentDirectory {
 protected:
  void SetUp() override { unsetenv("NOTCH_LINEAGE"); }
  void TearDown() override { unsetenv("NOTCH_LINEAGE"); }

  static void count() { counter({.name = "test_kin_total", .help = "Kin."}).add(); }
  static void execute() {
    execl(kProgram, kProgram, "1", static_cast<char*>(nullptr));
    _exit(127);
  }

  std::set<Key> keys() const {
    std::set<Key> keys;
    for (const SegmentTotals& segment : segments()) keys.insert(key_of(segment.header));
    return keys;
  }
};

struct KnownHash {
  std::size_t bytes;  // of the text 00 01 02 ...
  Key hash;
};

// By the key 00 01 02 ... 0f.
const KnownHash kKnown[] = {
    {0,
     {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
      0x93}},
    {1,
     {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
      0x45}},
    {7,
     {0xa1, 0xf1, 0xeb, 0xbe, 0xd8, 0xdb, 0xc1, 0x53, 0xc0, 0xb8, 0x4a, 0xa6, 0x1f, 0xf0, 0x82,
      0x39}},
    {8,
     {0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14, 0x97,
      0xb4}},
    {13,
     {0x98, 0x69, 0xe2, 0x47, 0xe9, 0xc0, 0x8b, 0x10, 0xd0, 0x29, 0x93, 0x4f, 0xc4, 0xb9, 0x52,
      0xf7}},
    {63,
     {0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97, 0x3f, 0xbd,
      0x7c}},
};

TEST(LineageHash, IsSipHash) {
  const std::uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (const KnownHash& known : kKnown) {
    std::string text;
    for (std::size_t i = 0; i < known.bytes; ++i) text += static_cast<char>(i);
    std::uint8_t out[16];
    client::keyed_hash(key, text, out);
    EXPECT_EQ(std::memcmp(out, known.hash.data(), sizeof out), 0) << known.bytes;
  }
}

TEST_F(Lineage, ForkedProcessesHaveOneKeyWhoeverTheyBecome) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ASSERT_EQ(chmod(directory().c_str(), 03777), 0);
  expect_quiet_success([] {
    count();
    NOTCH_REQUIRE(wait_for(start_child([] {
                    NOTCH_REQUIRE(setuid(65533) == 0);
                    count();
                  })) == "exit 0");
  });
  ASSERT_EQ(segments().size(), 2U);
  EXPECT_NE(segments()[0].header.uid, segments()[1].header.uid);
  EXPECT_EQ(keys().size(), 1U);
  EXPECT_FALSE(keys().contains(Key{}));
}

// A server that has counted nothing yet when it forks, and whose workers only count.
TEST_F(Lineage, TheKeyIsThereBeforeTheFirstFork) {
  expect_quiet_success([] {
    for (int i = 0; i < 2; ++i) NOTCH_REQUIRE(wait_for(start_child(count)) == "exit 0");
  });
  EXPECT_EQ(segments().size(), 2U);
  EXPECT_EQ(keys().size(), 1U);
  EXPECT_FALSE(keys().contains(Key{}));
}

TEST_F(Lineage, AProgramThatIsExecutedHasAnotherOfItsOwn) {
  expect_quiet_success([] {
    count();
    for (int i = 0; i < 2; ++i) NOTCH_REQUIRE(wait_for(start_child(execute)) == "exit 0");
  });
  EXPECT_EQ(segments().size(), 3U);
  EXPECT_EQ(keys().size(), 3U);
}

TEST_F(Lineage, TheEnvironmentHandsOneOverAnExec) {
  setenv("NOTCH_LINEAGE", kGiven, 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(wait_for(start_child(execute)), "exit 0");
  EXPECT_EQ(keys(), (std::set<Key>{{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
                                    0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}}));
}

TEST_F(Lineage, TheEnvironmentsIsTakenOnlyIfItIsOne) {
  const std::string given = kGiven;
  for (const std::string& wrong :
       {std::string(), given.substr(1), given + "0", "0x" + given.substr(2), std::string(32, '0'),
        std::string("00112233445566778899AABBCCDDEEFF")}) {
    setenv("NOTCH_LINEAGE", wrong.c_str(), 1);
    EXPECT_EQ(wait_for(start_child(execute)), "exit 0");
  }
  EXPECT_EQ(keys().size(), 6U);
  EXPECT_FALSE(keys().contains(Key{}));
}

}  // namespace
}  // namespace notch::test
