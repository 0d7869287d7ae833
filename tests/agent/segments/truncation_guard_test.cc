// Files cut off under their maps, and faults that are none of ours.
#include "agent/segments/truncation_guard.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "shm/memory_order.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 8;

// A real file of kPages pages, every byte 1, mapped read-only.
class TruncationGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(install_truncation_handler());
    map_ = map_file("victim");
  }
  void TearDown() override { ::munmap(map_, kPages * kPage); }

  std::byte* map_file(const char* name) {
    scratch_.write(name, std::vector<std::byte>(kPages * kPage, std::byte{1}));
    const int file = ::open(scratch_.path(name).c_str(), O_RDONLY | O_CLOEXEC);
    void* map = ::mmap(nullptr, kPages * kPage, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    EXPECT_NE(map, MAP_FAILED);
    return static_cast<std::byte*>(map);
  }
  void truncate(const char* name, std::size_t pages) {
    ASSERT_EQ(::truncate(scratch_.path(name).c_str(), static_cast<off_t>(pages * kPage)), 0);
  }
  static std::uint64_t first_word(const std::byte* map, std::size_t page) {
    return shm::read_alone(*reinterpret_cast<const std::uint64_t*>(map + page * kPage));
  }
  std::uint64_t first_word(std::size_t page) const { return first_word(map_, page); }

  static constexpr std::uint64_t kOnes = 0x0101010101010101;
  testing::ScratchDirectory scratch_;
  std::byte* map_ = nullptr;
};

TEST_F(TruncationGuardTest, ReadsZerosWhereTheFileWasCutOffMidRead) {
  const TruncationGuard guard(map_, kPages * kPage);
  EXPECT_EQ(first_word(0), kOnes);
  EXPECT_EQ(first_word(6), kOnes);
  EXPECT_FALSE(guard.truncated());
  truncate("victim", 3);
  EXPECT_EQ(first_word(2), kOnes);
  EXPECT_FALSE(guard.truncated());
  EXPECT_EQ(first_word(6), 0U);
  EXPECT_TRUE(guard.truncated());
  EXPECT_EQ(first_word(3), 0U);
  EXPECT_EQ(first_word(7), 0U);
  EXPECT_EQ(first_word(2), kOnes);
}

TEST_F(TruncationGuardTest, FlagsOnlyTheRangeThatFaulted) {
  std::byte* other_map = map_file("other");
  const TruncationGuard guard(map_, kPages * kPage);
  const TruncationGuard other(other_map, kPages * kPage);
  truncate("other", 0);
  EXPECT_EQ(first_word(other_map, 0), 0U);
  EXPECT_TRUE(other.truncated());
  EXPECT_FALSE(guard.truncated());
  EXPECT_EQ(first_word(0), kOnes);
  ::munmap(other_map, kPages * kPage);
}

TEST_F(TruncationGuardTest, GuardsMoreRangesThanABlockHolds) {
  std::vector<TruncationGuard> guards;
  for (int i = 0; i < 600; ++i) guards.emplace_back(&guards, 1);
  guards.emplace_back(map_, kPages * kPage);
  truncate("victim", 0);
  EXPECT_EQ(first_word(1), 0U);
  EXPECT_TRUE(guards.back().truncated());
}

TEST_F(TruncationGuardTest, ForgetsItsFlagWithItsRange) {
  {
    const TruncationGuard guard(map_, kPages * kPage);
    truncate("victim", 0);
    EXPECT_EQ(first_word(0), 0U);
    EXPECT_TRUE(guard.truncated());
  }
  const TruncationGuard next(map_, kPages * kPage);
  EXPECT_FALSE(next.truncated());
}

TEST_F(TruncationGuardTest, GuardsOnWhenMoved) {
  TruncationGuard first(map_, kPages * kPage);
  TruncationGuard guard;
  EXPECT_FALSE(guard.truncated());
  guard = std::move(first);
  truncate("victim", 0);
  EXPECT_EQ(first_word(0), 0U);
  EXPECT_TRUE(guard.truncated());
}

// TG2. A sanitizer's own handlers do not matter: the handler puts the default action in place.
TEST_F(TruncationGuardTest, LetsAFaultElsewhereEndTheProcess) {
  truncate("victim", 0);
  EXPECT_EXIT(first_word(0), ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(TruncationGuardTest, LetsAFaultBehindARangeEndTheProcess) {
  const TruncationGuard guard(map_, kPage);
  truncate("victim", 0);
  EXPECT_EXIT(first_word(1), ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(TruncationGuardTest, LetsAFaultInARangeGivenUpEndTheProcess) {
  { const TruncationGuard guard(map_, kPages * kPage); }
  truncate("victim", 0);
  EXPECT_EXIT(first_word(0), ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(TruncationGuardTest, LetsASignalSomebodySentEndTheProcess) {
  const TruncationGuard guard(map_, kPages * kPage);
  EXPECT_EXIT(::raise(SIGBUS), ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace notch::agent
