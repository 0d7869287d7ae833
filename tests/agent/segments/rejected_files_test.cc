// Which rejected files are removed, by values and in a real directory.
#include "agent/segments/rejected_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "agent/segments/mapped_segment.h"
#include "shm/fault.h"
#include "shm/layout.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kNow = 5'000;
constexpr std::uint64_t kOld = kNow + 61;

std::string header(std::size_t bytes = shm::kHeaderBytes) {
  shm::SegmentHeader header{};
  header.magic = shm::kMagic;
  header.major = shm::kMajorVersion;
  header.byte_order = shm::kByteOrder;
  std::string text(sizeof header, '\0');
  std::memcpy(text.data(), &header, sizeof header);
  text.resize(bytes, '\0');
  return text;
}

RejectedFile file_of(const std::string& content, const char* reason = "wrong_owner") {
  RejectedFile file;
  file.reason = reason;
  file.unchanged_s = 61;
  file.bytes = content.size();
  std::memcpy(file.start.data(), content.data(), std::min(content.size(), file.start.size()));
  return file;
}

// --- the rule ---

TEST(ServesNobody, OneThatBreaksARuleOfThisVersion) {
  for (const char* reason :
       {reject_name(Reject::kWrongOwner), reject_name(Reject::kNotBacked),
        reject_name(Reject::kTruncated), shm::fault_name(shm::Fault::kTooShort),
        shm::fault_name(shm::Fault::kBadGeometry), shm::fault_name(shm::Fault::kBadRecord)}) {
    EXPECT_TRUE(serves_nobody(file_of(header(), reason))) << reason;
  }
}

TEST(ServesNobody, NotOneThatAnotherAgentMayRead) {
  for (const char* reason :
       {shm::fault_name(shm::Fault::kNewerVersion), shm::fault_name(shm::Fault::kOlderVersion),
        shm::fault_name(shm::Fault::kOtherByteOrder), shm::fault_name(shm::Fault::kTooMany),
        shm::fault_name(shm::Fault::kBeingBuilt), shm::fault_name(shm::Fault::kNotASegment),
        reject_name(Reject::kTooLarge), reject_name(Reject::kNotMapped),
        reject_name(Reject::kUnreadable), reject_name(Reject::kNotAFile),
        reject_name(Reject::kManyLinks), "segments_per_uid", "bytes"}) {
    EXPECT_FALSE(serves_nobody(file_of(header(), reason))) << reason;
  }
  std::string newer = header();
  newer[offsetof(shm::SegmentHeader, major)] = shm::kMajorVersion + 1;
  EXPECT_FALSE(serves_nobody(file_of(newer)));
  std::string swapped = header();
  swapped[offsetof(shm::SegmentHeader, byte_order)] = 1;
  EXPECT_FALSE(serves_nobody(file_of(swapped)));
}

TEST(ServesNobody, WhatIsEmptyOrTornBeforeItsMagic) {
  EXPECT_TRUE(serves_nobody(file_of("", "too_short")));
  EXPECT_TRUE(serves_nobody(file_of(std::string(100, '\0'), "too_short")));
  EXPECT_TRUE(serves_nobody(file_of(header(8), "too_short")));
  EXPECT_TRUE(serves_nobody(file_of(header(100), "too_short")));
  EXPECT_FALSE(serves_nobody(file_of("notes", "too_short")));
  EXPECT_FALSE(serves_nobody(file_of("a text of a person's, longer than that", "too_short")));
  EXPECT_FALSE(serves_nobody(file_of(std::string(8192, '\0'), "bad_record")));
}

TEST(ServesNobody, NotBeforeAMinuteNorWithASecondName) {
  RejectedFile file = file_of(header());
  file.unchanged_s = 60;
  EXPECT_FALSE(serves_nobody(file));
  file.unchanged_s = 61;
  file.links = 2;
  EXPECT_FALSE(serves_nobody(file));
  file.links = 1;
  file.is_regular = false;
  EXPECT_FALSE(serves_nobody(file));
}

// --- in a directory ---

class RejectedFilesTest : public ::testing::Test {
 protected:
  void reject(const std::string& name, const std::string& content) {
    directory_.write(name, content);
    files_.add(directory_.fd(), name, "wrong_owner", kNow);
  }
  std::size_t removed(std::uint64_t now_boot_s = kOld) {
    return files_.look_again(directory_.fd(), now_boot_s).removed.size();
  }

  testing::ScratchDirectory directory_;
  RejectedFiles files_;
};

TEST_F(RejectedFilesTest, AnOldOneIsRemovedOnce) {
  reject("a.notch", header());
  EXPECT_EQ(removed(kNow + 60), 0U);
  EXPECT_TRUE(directory_.has("a.notch"));
  const RejectedFiles::Looked looked = files_.look_again(directory_.fd(), kOld);
  ASSERT_EQ(looked.removed.size(), 1U);
  EXPECT_EQ(looked.removed[0].name, "a.notch");
  EXPECT_STREQ(looked.removed[0].reason, "wrong_owner");
  EXPECT_FALSE(directory_.has("a.notch"));
  EXPECT_EQ(files_.count(), 0U);
}

TEST_F(RejectedFilesTest, OneWhoseLockIsHeldStays) {
  reject("a.notch", header());
  const int holder = ::open(directory_.path("a.notch").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(holder, LOCK_SH), 0);
  EXPECT_EQ(removed(), 0U);
  EXPECT_TRUE(directory_.has("a.notch"));
  ::close(holder);
  EXPECT_EQ(removed(), 1U);
}

TEST_F(RejectedFilesTest, OneThatChangedIsHandedOutAndItsAgeBeginsAnew) {
  reject("a.notch", header());
  directory_.write("a.notch", std::string("other"));
  const RejectedFiles::Looked looked = files_.look_again(directory_.fd(), kOld);
  EXPECT_TRUE(looked.removed.empty());
  ASSERT_EQ(looked.changed.size(), 1U);
  EXPECT_EQ(files_.count(), 0U);
}

TEST_F(RejectedFilesTest, AFileOfTwoNamesStays) {
  reject("a.notch", header());
  ASSERT_EQ(::linkat(directory_.fd(), "a.notch", directory_.fd(), "b", 0), 0);
  EXPECT_EQ(removed(), 0U);  // the link has changed it
  files_.add(directory_.fd(), "a.notch", "wrong_owner", kNow);
  EXPECT_EQ(removed(), 0U);
  EXPECT_TRUE(directory_.has("a.notch"));
}

TEST_F(RejectedFilesTest, AnotherFileUnderItsNameStays) {
  reject("a.notch", header());
  directory_.write("b", std::string("other"));
  ASSERT_EQ(::renameat(directory_.fd(), "b", directory_.fd(), "a.notch"), 0);
  EXPECT_EQ(removed(), 0U);
  EXPECT_TRUE(directory_.has("a.notch"));
}

// However many there are, each has its turn, and a call ends.
TEST_F(RejectedFilesTest, OfManyEachCallRemovesSome) {
  constexpr std::size_t kFiles = RejectedFiles::kMostRemovals + 10;
  for (std::size_t i = 0; i < kFiles; ++i) reject(std::to_string(i) + ".notch", header(8));
  EXPECT_EQ(removed(), RejectedFiles::kMostRemovals);
  EXPECT_EQ(removed(), 10U);
  EXPECT_EQ(files_.count(), 0U);
}

}  // namespace
}  // namespace notch::agent
