// Segment files real and broken, one rule of mapped_segment.h each.
#include "agent/segments/mapped_segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/scratch_directory.h"
#include "tests/shm/collecting_sink.h"
#include "tests/shm/segment_builder.h"

namespace notch::agent {
namespace {

class MappedSegmentTest : public ::testing::Test {
 protected:
  MappedSegmentTest() : builder_(shape()) {}

  static testing::SegmentShape shape() {
    testing::SegmentShape shape;
    shape.uid = ::geteuid();
    shape.cells = 4096;  // more bytes of cells than of all else
    return shape;
  }
  void SetUp() override {
    ASSERT_TRUE(install_truncation_handler());
    builder_.new_series(builder_.new_family(testing::counter("a_total")));
    builder_.set_cell(0, shm::kFirstFreeCell, 42);
  }
  void write() { scratch_.write("a.notch", builder_.bytes()); }
  Reject open(const std::string& name = "a.notch") {
    return segment_.open(scratch_.fd(), name, limits_);
  }
  void open_and_attach() {
    write();
    ASSERT_EQ(open(), Reject::kNone);
    ASSERT_EQ(reader_.attach(segment_.bytes(), {}), shm::Fault::kNone);
    reader_.begin_round();
  }

  // Header and catalogue have memory, the columns are a hole.
  void open_and_attach_sparse() {
    const std::size_t whole = builder_.bytes().size();
    builder_.cut(builder_.values_offset());
    write();
    ASSERT_EQ(::truncate(scratch_.path("a.notch").c_str(), static_cast<off_t>(whole)), 0);
    ASSERT_EQ(open(), Reject::kNone);
    ASSERT_EQ(reader_.attach(segment_.bytes(), {}), shm::Fault::kNone);
    reader_.begin_round();
  }

  testing::ScratchDirectory scratch_;
  testing::SegmentBuilder builder_;
  MapLimits limits_;
  MappedSegment segment_;
  shm::SegmentReader reader_;
};

TEST_F(MappedSegmentTest, MapsAFileForAReader) {
  open_and_attach();
  testing::CollectingSink sink;
  ASSERT_EQ(reader_.follow(sink), shm::Fault::kNone);
  std::vector<std::uint64_t> out(1);
  reader_.add_cells(sink.series.at(0).first_cell, out);
  EXPECT_EQ(out[0], 42U);
  EXPECT_EQ(segment_.check_claims(reader_), Reject::kNone);
  EXPECT_EQ(segment_.owner_uid(), ::geteuid());
}

TEST_F(MappedSegmentTest, TellsWhichFileItIs) {
  write();
  struct stat status {};
  ASSERT_EQ(::fstatat(scratch_.fd(), "a.notch", &status, 0), 0);
  ASSERT_EQ(open(), Reject::kNone);
  const SegmentIdentity first = segment_.identity();
  EXPECT_EQ(first.inode, status.st_ino);
  EXPECT_EQ(first.file_name, "a.notch");
  ::unlinkat(scratch_.fd(), "a.notch", 0);
  write();
  ASSERT_EQ(open(), Reject::kNone);
  EXPECT_NE(segment_.identity(), first);
}

TEST_F(MappedSegmentTest, KeepsTheMapWhenMoved) {
  open_and_attach();
  const std::byte* address = segment_.bytes().data();
  const MappedSegment moved = std::move(segment_);
  EXPECT_EQ(moved.bytes().data(), address);
  EXPECT_EQ(moved.bytes().size(), builder_.bytes().size());
  EXPECT_EQ(reader_.shared_cell(shm::kFirstFreeCell), 42U);
}

TEST_F(MappedSegmentTest, RejectsWhatIsNotThere) {
  EXPECT_EQ(open(), Reject::kAbsent);
}

TEST_F(MappedSegmentTest, RejectsALink) {
  scratch_.write("real", builder_.bytes());
  ASSERT_EQ(::symlinkat("real", scratch_.fd(), "a.notch"), 0);
  EXPECT_EQ(open(), Reject::kNotAFile);
}

TEST_F(MappedSegmentTest, RejectsADirectory) {
  ASSERT_EQ(::mkdirat(scratch_.fd(), "a.notch", 0755), 0);
  EXPECT_EQ(open(), Reject::kNotAFile);
}

// Without O_NONBLOCK this test would wait for a writer until its time is up.
TEST_F(MappedSegmentTest, RejectsAPipeWithoutWaiting) {
  ASSERT_EQ(::mkfifoat(scratch_.fd(), "a.notch", 0644), 0);
  EXPECT_EQ(open(), Reject::kNotAFile);
}

TEST_F(MappedSegmentTest, RejectsASocket) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, scratch_.path("a.notch").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(open(), Reject::kNotAFile);
  ::close(listener);
}

TEST_F(MappedSegmentTest, RejectsWhatItMayNotOpen) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may open every file";
  write();
  ASSERT_EQ(::fchmodat(scratch_.fd(), "a.notch", 0, 0), 0);
  EXPECT_EQ(open(), Reject::kUnreadable);
}

TEST_F(MappedSegmentTest, RejectsAFileOfTwoNames) {
  write();
  ASSERT_EQ(::linkat(scratch_.fd(), "a.notch", scratch_.fd(), "b.notch", 0), 0);
  EXPECT_EQ(open(), Reject::kManyLinks);
}

TEST_F(MappedSegmentTest, RejectsAFileShorterThanAHeader) {
  builder_.cut(shm::kHeaderBytes - 1);
  write();
  EXPECT_EQ(open(), Reject::kTooShort);
}

TEST_F(MappedSegmentTest, RejectsAFilePastTheLimit) {
  limits_.file_bytes = builder_.bytes().size() - 1;
  write();
  EXPECT_EQ(open(), Reject::kTooLarge);
  limits_.file_bytes += 1;
  EXPECT_EQ(open(), Reject::kNone);
}

TEST_F(MappedSegmentTest, HoldsNothingAfterAReject) {
  write();
  ASSERT_EQ(open(), Reject::kNone);
  EXPECT_EQ(open("missing.notch"), Reject::kAbsent);
  EXPECT_TRUE(segment_.bytes().empty());
  EXPECT_FALSE(segment_.try_lock_dead());
}

TEST_F(MappedSegmentTest, RejectsAHeaderThatNamesAnotherUser) {
  builder_.header().uid = ::geteuid() + 1;
  open_and_attach();
  EXPECT_EQ(segment_.check_claims(reader_), Reject::kWrongOwner);
}

// A sparse file that claims cells would make the agent pay for the pages it reads.
TEST_F(MappedSegmentTest, RejectsClaimsTheFileHasNoMemoryFor) {
  open_and_attach_sparse();
  EXPECT_EQ(segment_.check_claims(reader_), Reject::kNotBacked);
}

TEST_F(MappedSegmentTest, TakesTheSameClaimsOnceTheyHaveMemory) {
  open_and_attach_sparse();
  ASSERT_EQ(segment_.check_claims(reader_), Reject::kNotBacked);
  const int file = ::openat(scratch_.fd(), "a.notch", O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::posix_fallocate(file, 0, static_cast<off_t>(segment_.bytes().size())), 0);
  ::close(file);
  EXPECT_EQ(segment_.check_claims(reader_), Reject::kNone);
}

TEST_F(MappedSegmentTest, RejectsAFileWhoseMemoryWasGivenBackSinceTheLastLook) {
  open_and_attach();
  const int file = ::openat(scratch_.fd(), "a.notch", O_RDWR | O_CLOEXEC);
  const auto bytes = static_cast<off_t>(segment_.bytes().size());
  ASSERT_EQ(::posix_fallocate(file, 0, bytes), 0);
  ASSERT_EQ(segment_.check_claims(reader_), Reject::kNone);
  ASSERT_EQ(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, shm::kHeaderBytes,
                        bytes - static_cast<off_t>(shm::kHeaderBytes)),
            0);
  ::close(file);
  segment_.look_again();
  EXPECT_EQ(segment_.check_claims(reader_), Reject::kNotBacked);
}

TEST_F(MappedSegmentTest, SurvivesAFileCutOffUnderTheMap) {
  open_and_attach();
  ASSERT_EQ(reader_.shared_cell(shm::kFirstFreeCell), 42U);
  EXPECT_FALSE(segment_.truncated());
  ASSERT_EQ(::truncate(scratch_.path("a.notch").c_str(), shm::kHeaderBytes), 0);
  std::vector<std::uint64_t> out(512);
  reader_.add_cells(0, out);
  EXPECT_TRUE(segment_.truncated());
}

TEST_F(MappedSegmentTest, SurvivesAFileCutOffWhileItIsFollowed) {
  open_and_attach();
  ASSERT_EQ(::truncate(scratch_.path("a.notch").c_str(), shm::kHeaderBytes), 0);
  testing::CollectingSink sink;
  EXPECT_EQ(reader_.follow(sink), shm::Fault::kBadRecord);
  EXPECT_TRUE(segment_.truncated());
}

// The writer's lock lives with its map, not with its descriptor, which it has closed.
TEST_F(MappedSegmentTest, TakesAWriterForDeadOnlyWhenItsMapIsGone) {
  write();
  const int file = ::openat(scratch_.fd(), "a.notch", O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(file, LOCK_SH), 0);
  void* map = ::mmap(nullptr, shm::kHeaderBytes, PROT_READ, MAP_SHARED, file, 0);
  ASSERT_NE(map, MAP_FAILED);
  ::close(file);
  ASSERT_EQ(open(), Reject::kNone);
  EXPECT_FALSE(segment_.try_lock_dead());
  ::munmap(map, shm::kHeaderBytes);
  EXPECT_TRUE(segment_.try_lock_dead());
  EXPECT_TRUE(segment_.try_lock_dead());
}

TEST_F(MappedSegmentTest, HoldsTheDeadsLockUntilItIsGone) {
  write();
  ASSERT_EQ(open(), Reject::kNone);
  ASSERT_TRUE(segment_.try_lock_dead());
  MappedSegment other;
  ASSERT_EQ(other.open(scratch_.fd(), "a.notch", limits_), Reject::kNone);
  EXPECT_FALSE(other.try_lock_dead());
  segment_ = MappedSegment();
  EXPECT_TRUE(other.try_lock_dead());
}

TEST(RejectName, IsThereForEveryReject) {
  for (int reject = 0; reject <= static_cast<int>(Reject::kTruncated); ++reject) {
    EXPECT_STRNE(reject_name(static_cast<Reject>(reject)), "unknown");
  }
}

}  // namespace
}  // namespace notch::agent
