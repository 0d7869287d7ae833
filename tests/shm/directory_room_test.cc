// Who may make one more segment, by values; and what is sampled of a real directory.
#include "shm/directory_room.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <set>
#include <string>

#include "shm/directory_sample.h"
#include "tests/scratch_directory.h"

namespace notch::shm {
namespace {

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kGiB = kMiB << 10;
constexpr std::uint64_t kSegment = 45'000;

FileSystemRoom system_of(std::uint64_t size, std::uint64_t used) {
  return {size, used, size - used, 1'000'000, 900'000, true};
}

TEST(RoomForAll, NobodyLooksWhereThereIsPlenty) {
  EXPECT_TRUE(is_room_for_all(system_of(32 * kGiB, 28 * kGiB), kSegment));
  EXPECT_FALSE(is_room_for_all(system_of(32 * kGiB, 29 * kGiB), kSegment));
  EXPECT_TRUE(is_room_for_all(system_of(64 * kMiB, 15 * kMiB), kSegment));
  EXPECT_FALSE(is_room_for_all(system_of(64 * kMiB, 16 * kMiB), kSegment));
  EXPECT_TRUE(is_room_for_all(system_of(kGiB, kGiB / 2), kSegment));
  EXPECT_FALSE(is_room_for_all(system_of(kGiB - 1, kGiB / 2), kSegment));
}

TEST(RoomForAll, AFileSystemThatSaysNothingHasNoLimits) {
  EXPECT_TRUE(is_room_for_all({}, kSegment));
  EXPECT_EQ(judge_room({}, {}, kSegment).cause, 0);
}

TEST(JudgeRoom, ASmallFileSystemsShareIsAQuarterWhateverOthersTook) {
  const FileSystemRoom small = system_of(64 * kMiB, 50 * kMiB);
  EXPECT_EQ(judge_room(small, {15 * kMiB, 15 * kMiB, 300}, kSegment).cause, 0);
  const RoomVerdict past = judge_room(small, {16 * kMiB, 15 * kMiB, 300}, kSegment);
  EXPECT_EQ(past.cause, ENOSPC);
  EXPECT_NE(past.refusal, nullptr);
  EXPECT_EQ(judge_room(system_of(kGiB, kGiB / 2), {kGiB / 2, kGiB / 2, 300}, kSegment).cause, 0);
}

TEST(JudgeRoom, ADirectoryThatIsAFileSystemOfItsOwnHasAllOfIt) {
  FileSystemRoom own = system_of(64 * kMiB, 50 * kMiB);
  own.is_shared = false;
  EXPECT_TRUE(is_room_for_all(own, kSegment));
  own = system_of(64 * kMiB, 60 * kMiB);
  own.is_shared = false;
  EXPECT_FALSE(is_room_for_all(own, kSegment));
  EXPECT_EQ(judge_room(own, {60 * kMiB, 60 * kMiB, 300}, kSegment).cause, ENOSPC);
}

TEST(JudgeRoom, AUserWithLittleIsRefusedForNoOthersFiles) {
  const FileSystemRoom small = system_of(64 * kMiB, 63 * kMiB);
  EXPECT_EQ(judge_room(small, {60 * kMiB, kMiB - kSegment, 22}, kSegment).cause, 0);
  EXPECT_EQ(judge_room(small, {60 * kMiB, kMiB, 22}, kSegment).cause, ENOSPC);
  const FileSystemRoom large = system_of(32 * kGiB, 32 * kGiB - kMiB);
  EXPECT_EQ(judge_room(large, {31 * kGiB, kGiB / 2 - kSegment, 1000}, kSegment).cause, 0);
  EXPECT_EQ(judge_room(large, {31 * kGiB, kGiB / 2, 1000}, kSegment).cause, ENOSPC);
}

TEST(JudgeRoom, FilesAreEachUsersOwn) {
  const FileSystemRoom large = system_of(32 * kGiB, kGiB);
  EXPECT_EQ(judge_room(large, {0, 0, kMostEntries - 1}, kSegment).cause, 0);
  EXPECT_EQ(judge_room(large, {0, 0, kMostEntries}, kSegment).cause, EDQUOT);
  FileSystemRoom few = large;
  few.files = 6400;
  few.free_files = 600;
  EXPECT_FALSE(is_room_for_all(few, kSegment));
  EXPECT_EQ(judge_room(few, {0, 0, 99}, kSegment).cause, 0);
  EXPECT_EQ(judge_room(few, {0, 0, 100}, kSegment).cause, ENOSPC);
}

class Sample : public ::testing::Test {
 protected:
  void make_files(int files, const std::string& start) {
    for (int i = 0; i < files; ++i) {
      const int fd =
          ::open(scratch_.path(start + std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0600);
      ASSERT_GE(fd, 0);
      ::close(fd);
    }
  }
  void commit(const std::string& name, off_t bytes) {
    const int fd = ::open(scratch_.path(name).c_str(), O_WRONLY);
    EXPECT_EQ(::posix_fallocate(fd, 0, bytes), 0) << name;
    ::close(fd);
  }
  // Different files among those looked at.
  std::set<ino_t> looked_at(DirectorySample& sample) {
    std::set<ino_t> inodes;
    struct stat status {};
    std::uint64_t looks = 0;
    while (sample.next(status)) {
      inodes.insert(status.st_ino);
      ++looks;
    }
    EXPECT_EQ(inodes.size(), looks) << "one was looked at twice";
    return inodes;
  }
  testing::ScratchDirectory scratch_;
};

TEST_F(Sample, OfAnEmptyDirectoryIsNothing) {
  DirectorySample sample(scratch_.fd(), 10);
  EXPECT_TRUE(sample.readable());
  EXPECT_EQ(sample.entries(), 0U);
  EXPECT_TRUE(looked_at(sample).empty());
}

TEST_F(Sample, OfFewIsAllOfThem) {
  make_files(300, "file-with-a-longer-name-");
  DirectorySample sample(scratch_.fd(), 300);
  EXPECT_EQ(sample.entries(), 300U);
  EXPECT_EQ(sample.stride(), 1U);
  EXPECT_EQ(looked_at(sample).size(), 300U);
}

TEST_F(Sample, OfManyIsSpreadOverThemAndDiffersEachTime) {
  make_files(3000, "f");
  std::set<ino_t> all;
  for (int i = 0; i < 20; ++i) {
    DirectorySample sample(scratch_.fd(), 100);
    EXPECT_EQ(sample.entries(), 3000U);
    EXPECT_EQ(sample.stride(), 30U);
    const std::set<ino_t> seen = looked_at(sample);
    EXPECT_EQ(seen.size(), 100U);
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_GT(all.size(), 1000U);  // 1476 are expected of 20 random hundreds
}

// As many segments of 16 KiB as the share of 64 MiB has room for, and the agent's files of a page.
TEST_F(Sample, WhatIsInTheShareOfASmallFileSystemIsKnownToThePage) {
  constexpr int kSegments = 1023;
  constexpr off_t kSegmentBytes = 16 << 10;
  constexpr off_t kOwnBytes = 4 << 10;
  make_files(kSegments, "segment-");
  make_files(2, "agent.");
  for (int i = 0; i < kSegments; ++i) commit("segment-" + std::to_string(i), kSegmentBytes);
  for (const char* const name : {"agent.0", "agent.1"}) commit(name, kOwnBytes);
  for (int i = 0; i < 20; ++i) {
    DirectoryContents contents;
    ASSERT_TRUE(look_at_contents(scratch_.fd(), geteuid(), contents));
    EXPECT_EQ(contents.bytes, kSegments * kSegmentBytes + 2 * kOwnBytes);
    EXPECT_EQ(contents.own_bytes, contents.bytes);
    EXPECT_EQ(contents.own_entries, kSegments + 2U);
  }
}

TEST_F(Sample, AUserWithFewAmongManyIsNotTakenForOneWithMore) {
  constexpr uid_t kVictim = 12345;
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  make_files(5000, "others-");
  for (const char* const name : {"one", "two", "three"}) {
    make_files(1, name);
    const std::string path = scratch_.path(std::string(name) + "0");
    ASSERT_EQ(chown(path.c_str(), kVictim, kVictim), 0);
  }
  for (int i = 0; i < 20; ++i) {
    DirectoryContents contents;
    ASSERT_TRUE(look_at_contents(scratch_.fd(), kVictim, contents));
    EXPECT_LE(contents.own_entries, 3U);
    ASSERT_TRUE(look_at_contents(scratch_.fd(), geteuid(), contents));
    EXPECT_GT(contents.own_entries, 4500U);
  }
}

TEST_F(Sample, ALinkIsLookedAtAndNotWhatItLeadsTo) {
  ASSERT_EQ(::symlink("/proc/self/status", scratch_.path("link").c_str()), 0);
  DirectorySample sample(scratch_.fd(), 10);
  struct stat status {};
  ASSERT_TRUE(sample.next(status));
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  EXPECT_FALSE(sample.next(status));
}

TEST_F(Sample, WhatCannotBeReadHasNone) {
  DirectorySample sample(-1, 10);
  EXPECT_FALSE(sample.readable());
  struct stat status {};
  EXPECT_FALSE(sample.next(status));
}

}  // namespace
}  // namespace notch::shm
