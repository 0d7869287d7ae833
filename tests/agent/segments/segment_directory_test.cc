// A real directory: its lock, its listing, its changes, its half-born files.
#include "agent/segments/segment_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SegmentDirectoryTest : public ::testing::Test {
 protected:
  void open() {
    const DirectoryResult result = directory_.open(scratch_.path(), false);
    ASSERT_TRUE(result.ok) << result.message;
  }
  void open_and_list() {
    open();
    directory_.poll();
  }
  // As many polls as it takes: everything that was queued.
  DirectoryChanges poll_all() {
    DirectoryChanges all;
    bool more = true;
    while (more) {
      const DirectoryChanges changes = directory_.poll();
      all.added.insert(all.added.end(), changes.added.begin(), changes.added.end());
      all.removed.insert(all.removed.end(), changes.removed.begin(), changes.removed.end());
      all.listed_anew = all.listed_anew || changes.listed_anew;
      more = changes.more;
    }
    return all;
  }
  void remove(const std::string& name) { ::unlinkat(scratch_.fd(), name.c_str(), 0); }
  void rename(const std::string& from, const std::string& to) {
    ASSERT_EQ(::renameat(scratch_.fd(), from.c_str(), scratch_.fd(), to.c_str()), 0);
  }
  bool readable() const {
    pollfd watched{directory_.watch_fd(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  }

  testing::ScratchDirectory scratch_;
  SegmentDirectory directory_;
};

// --- open ---

TEST_F(SegmentDirectoryTest, MakesTheDirectoryStickyForEveryone) {
  const std::string path = scratch_.path("made");
  const DirectoryResult result = directory_.open(path, true);
  ASSERT_TRUE(result.ok) << result.message;
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 03777U);
  EXPECT_FALSE(result.not_sticky);
  EXPECT_FALSE(result.not_tmpfs);
  EXPECT_FALSE(result.owned_by_other);
}

TEST_F(SegmentDirectoryTest, LeavesTheModeOfADirectoryThatIsThere) {
  ASSERT_EQ(::chmod(scratch_.path().c_str(), 0755), 0);
  ASSERT_TRUE(directory_.open(scratch_.path(), true).ok);
  struct stat status {};
  ASSERT_EQ(::stat(scratch_.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

TEST_F(SegmentDirectoryTest, NamesAMissingDirectory) {
  const DirectoryResult result = directory_.open(scratch_.path("missing"), false);
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.message, HasSubstr(scratch_.path("missing")));
}

TEST_F(SegmentDirectoryTest, RefusesADirectoryOfOthersAndLeavesItAlone) {
  std::ofstream(scratch_.path("hosts")) << "127.0.0.1 localhost\n";
  const DirectoryResult result = directory_.open(scratch_.path(), true);
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.message, HasSubstr("holds hosts"));
  EXPECT_THAT(result.message, HasSubstr(scratch_.path()));
  EXPECT_NE(::access(scratch_.path("agent.lock").c_str(), F_OK), 0);
}

TEST_F(SegmentDirectoryTest, TakesANewFileSystem) {
  ASSERT_EQ(::mkdir(scratch_.path("lost+found").c_str(), 0700), 0);
  EXPECT_TRUE(directory_.open(scratch_.path(), true).ok);
}

TEST_F(SegmentDirectoryTest, TakesADirectoryWithOtherFilesThatHasHeldSegments) {
  std::ofstream(scratch_.path("hosts")) << "127.0.0.1 localhost\n";
  std::ofstream(scratch_.path("1-0123456789abcdef.notch")) << "";
  EXPECT_TRUE(directory_.open(scratch_.path(), true).ok);
}

TEST_F(SegmentDirectoryTest, TakesADirectoryWithOtherFilesThatHadAnAgent) {
  open();
  directory_ = SegmentDirectory();
  std::ofstream(scratch_.path("hosts")) << "127.0.0.1 localhost\n";
  EXPECT_TRUE(directory_.open(scratch_.path(), true).ok);
}

// As systemd-tmpfiles makes it: anyone may leave a file there before the agent comes.
TEST_F(SegmentDirectoryTest, TakesADirectoryMadeForSegmentsWhateverIsInIt) {
  std::ofstream(scratch_.path("hosts")) << "127.0.0.1 localhost\n";
  ASSERT_EQ(::chmod(scratch_.path().c_str(), 03777), 0);
  EXPECT_TRUE(directory_.open(scratch_.path(), true).ok);
}

TEST_F(SegmentDirectoryTest, RefusesALinkToADirectory) {
  ASSERT_EQ(::symlink(scratch_.path().c_str(), scratch_.path("link").c_str()), 0);
  EXPECT_FALSE(directory_.open(scratch_.path("link"), false).ok);
}

TEST_F(SegmentDirectoryTest, WarnsOfADirectoryEveryoneMayClear) {
  ASSERT_EQ(::chmod(scratch_.path().c_str(), 0777), 0);
  EXPECT_TRUE(directory_.open(scratch_.path(), false).not_sticky);
}

TEST_F(SegmentDirectoryTest, WarnsOfADirectoryThatIsNotOnTmpfs) {
  const DirectoryResult result = directory_.open("/proc/self/fd", false);
  EXPECT_FALSE(result.ok);  // no lock can be made there
  const testing::ScratchDirectory on_disk(NOTCH_BINARY_DIR);
  EXPECT_TRUE(directory_.open(on_disk.path(), false).not_tmpfs);
}

// --- the one agent ---

TEST_F(SegmentDirectoryTest, RefusesASecondAgentAndNamesTheFirst) {
  open();
  SegmentDirectory second;
  const DirectoryResult result = second.open(scratch_.path(), false);
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.message, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(result.message, HasSubstr(scratch_.path()));
  EXPECT_EQ(second.fd(), -1);
}

TEST_F(SegmentDirectoryTest, LetsTheNextAgentInWhenTheFirstIsGone) {
  open();
  directory_ = SegmentDirectory();
  open();
}

TEST_F(SegmentDirectoryTest, RefusesALockThatIsALink) {
  scratch_.touch("elsewhere");
  ASSERT_EQ(::symlinkat("elsewhere", scratch_.fd(), "agent.lock"), 0);
  EXPECT_FALSE(directory_.open(scratch_.path(), false).ok);
}

TEST_F(SegmentDirectoryTest, RefusesALockThatIsAPipe) {
  ASSERT_EQ(::mkfifoat(scratch_.fd(), "agent.lock", 0600), 0);
  EXPECT_FALSE(directory_.open(scratch_.path(), false).ok);
}

TEST_F(SegmentDirectoryTest, RefusesALockOfTwoNames) {
  scratch_.touch("agent.lock");
  ASSERT_EQ(::linkat(scratch_.fd(), "agent.lock", scratch_.fd(), "other", 0), 0);
  EXPECT_THAT(directory_.open(scratch_.path(), false).message, HasSubstr("second name"));
}

TEST_F(SegmentDirectoryTest, SetsAsideWhatAStrangerHasPutInTheLocksPlace) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  scratch_.touch("agent.lock");
  ASSERT_EQ(::fchownat(scratch_.fd(), "agent.lock", 65534, 65534, 0), 0);
  open();
  directory_ = SegmentDirectory();
  remove("agent.lock");
  ASSERT_EQ(::mkdirat(scratch_.fd(), "agent.lock", 0700), 0);
  ASSERT_EQ(::fchownat(scratch_.fd(), "agent.lock", 65534, 65534, 0), 0);
  open();
}

TEST_F(SegmentDirectoryTest, RefusesALockOfAnotherOwnerInAnothersDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  scratch_.touch("agent.lock");
  ASSERT_EQ(::fchownat(scratch_.fd(), "agent.lock", 65534, 65534, 0), 0);
  ASSERT_EQ(::chown(scratch_.path().c_str(), 65533, 65533), 0);
  EXPECT_THAT(directory_.open(scratch_.path(), false).message, HasSubstr("65534"));
}

// --- names ---

TEST_F(SegmentDirectoryTest, ListsWhatIsThereAtFirst) {
  scratch_.touch("a.notch");
  scratch_.touch("b.notch");
  open();
  const DirectoryChanges changes = directory_.poll();
  EXPECT_TRUE(changes.listed_anew);
  EXPECT_THAT(changes.added, UnorderedElementsAre("a.notch", "b.notch"));
  EXPECT_THAT(changes.removed, IsEmpty());
}

TEST_F(SegmentDirectoryTest, YieldsOnceWhatItBothListedAndWasToldOf) {
  open();
  scratch_.touch("a.notch");  // after the watch, before the listing
  EXPECT_THAT(directory_.poll().added, ElementsAre("a.notch"));
  const DirectoryChanges changes = directory_.poll();
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, IsEmpty());
}

TEST_F(SegmentDirectoryTest, TellsOfNamesThatComeAndGo) {
  open_and_list();
  EXPECT_FALSE(readable());
  scratch_.touch("a.notch");
  EXPECT_TRUE(readable());
  DirectoryChanges changes = directory_.poll();
  EXPECT_FALSE(changes.listed_anew);
  EXPECT_THAT(changes.added, ElementsAre("a.notch"));
  remove("a.notch");
  changes = directory_.poll();
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, ElementsAre("a.notch"));
}

TEST_F(SegmentDirectoryTest, TellsOfNamesThatAreMoved) {
  open_and_list();
  scratch_.touch(".a.new");
  EXPECT_THAT(directory_.poll().added, IsEmpty());
  rename(".a.new", "a.notch");
  EXPECT_THAT(directory_.poll().added, ElementsAre("a.notch"));
  rename("a.notch", "elsewhere");
  EXPECT_THAT(directory_.poll().removed, ElementsAre("a.notch"));
}

TEST_F(SegmentDirectoryTest, TellsOfANewFileUnderAnOldName) {
  scratch_.touch("a.notch");
  open_and_list();
  scratch_.touch("b");
  rename("b", "a.notch");
  const DirectoryChanges changes = directory_.poll();
  EXPECT_THAT(changes.removed, ElementsAre("a.notch"));
  EXPECT_THAT(changes.added, ElementsAre("a.notch"));
}

TEST_F(SegmentDirectoryTest, SaysNothingOfAFileMovedAwayAndBack) {
  scratch_.touch("a.notch");
  open_and_list();
  rename("a.notch", "b");
  rename("b", "a.notch");
  const DirectoryChanges changes = directory_.poll();
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, IsEmpty());
}

TEST_F(SegmentDirectoryTest, SaysNothingOfWhatCameAndWentBetweenPolls) {
  open_and_list();
  scratch_.touch("a.notch");
  remove("a.notch");
  const DirectoryChanges changes = directory_.poll();
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, IsEmpty());
}

TEST_F(SegmentDirectoryTest, TellsAllAnewOnceAsked) {
  scratch_.touch("a.notch");
  scratch_.touch("b.notch");
  open_and_list();
  remove("a.notch");
  directory_.tell_anew();
  const DirectoryChanges changes = poll_all();
  EXPECT_THAT(changes.added, ElementsAre("b.notch"));
  EXPECT_THAT(changes.removed, IsEmpty());
  EXPECT_THAT(poll_all().added, IsEmpty());
}

TEST_F(SegmentDirectoryTest, IgnoresAndCountsOtherNames) {
  scratch_.touch("README");
  scratch_.touch(".hidden.notch");
  scratch_.touch(".born.new");
  scratch_.touch("agent.ledger");
  open();
  EXPECT_THAT(directory_.poll().added, IsEmpty());
  EXPECT_EQ(directory_.ignored_names(), 2U);
  scratch_.touch("notes.txt");
  EXPECT_THAT(directory_.poll().added, IsEmpty());
  EXPECT_EQ(directory_.ignored_names(), 3U);
}

TEST_F(SegmentDirectoryTest, ListsAnewWhenEventsWereLost) {
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  int queued = 0;
  limit >> queued;
  if (queued <= 0 || queued > 100'000) GTEST_SKIP() << "max_queued_events is " << queued;
  scratch_.touch("old.notch");
  scratch_.touch("stays.notch");
  open_and_list();
  remove("old.notch");
  // Equal events in a row are queued as one: two names in turn.
  for (int i = 0; i <= queued; ++i) {
    const std::string name = i % 2 == 0 ? "x" : "y";
    const int file = ::openat(scratch_.fd(), name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ::close(file);
    remove(name);
  }
  scratch_.touch("new.notch");
  const DirectoryChanges changes = poll_all();
  EXPECT_TRUE(changes.listed_anew);
  EXPECT_THAT(changes.added, ElementsAre("new.notch"));
  EXPECT_THAT(changes.removed, ElementsAre("old.notch"));
}

// --- lost and regained ---

class LostDirectoryTest : public SegmentDirectoryTest {
 protected:
  LostDirectoryTest() {
    const DirectoryResult result = directory_.open(path_, true);
    EXPECT_TRUE(result.ok) << result.message;
    EXPECT_EQ(directory_.poll().loss, Loss::kNone);
  }
  void touch(const std::string& name) { scratch_.touch("doomed/" + name); }
  void remove_all() { std::filesystem::remove_all(path_); }
  void move_away() { ASSERT_EQ(::rename(path_.c_str(), away_.c_str()), 0); }
  void regain() {
    const DirectoryResult result = directory_.regain();
    ASSERT_TRUE(result.ok) << result.message;
    EXPECT_EQ(directory_.poll().loss, Loss::kNone);
  }
  bool is_locked(const std::string& path) const {
    const int lock = ::open((path + "/agent.lock").c_str(), O_RDWR | O_CLOEXEC);
    const bool locked = ::flock(lock, LOCK_EX | LOCK_NB) != 0;
    ::close(lock);
    return locked;
  }

  const std::string path_ = scratch_.path("doomed");
  const std::string away_ = scratch_.path("away");
};

TEST_F(LostDirectoryTest, ARemovedOneIsMadeAnewAndFollowed) {
  touch("a.notch");
  EXPECT_THAT(directory_.poll().added, ElementsAre("a.notch"));
  remove_all();
  EXPECT_TRUE(readable());
  const DirectoryChanges changes = directory_.poll();
  EXPECT_EQ(changes.loss, Loss::kDirectory);
  EXPECT_THAT(changes.removed, ElementsAre("a.notch"));
  regain();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 03777U);
  EXPECT_TRUE(is_locked(path_));
  EXPECT_TRUE(directory_.watched());
  touch("a.notch");
  EXPECT_TRUE(readable());
  EXPECT_THAT(directory_.poll().added, ElementsAre("a.notch"));
}

TEST_F(LostDirectoryTest, AMovedOneStaysLockedUntilItIsOfNoUse) {
  const int before = directory_.fd();
  move_away();
  EXPECT_TRUE(readable());
  EXPECT_EQ(directory_.poll().loss, Loss::kDirectory);
  regain();
  directory_.drop_former([&](int fd) { return fd == before; });
  EXPECT_TRUE(is_locked(away_));
  scratch_.touch("away/old.notch");
  EXPECT_THAT(directory_.poll().added, IsEmpty());
  directory_.drop_former([](int) { return false; });
  EXPECT_FALSE(is_locked(away_));
  EXPECT_TRUE(is_locked(path_));
}

TEST_F(LostDirectoryTest, AMovedOneIsFollowedUntilAnotherIsThere) {
  ASSERT_EQ(::chmod(scratch_.path().c_str(), 0700), 0);
  move_away();
  scratch_.touch("away/late.notch");
  EXPECT_THAT(directory_.poll().added, ElementsAre("late.notch"));
}

TEST_F(LostDirectoryTest, OneThatComesBackHasItsDescriptor) {
  const int before = directory_.fd();
  move_away();
  regain();
  EXPECT_NE(directory_.fd(), before);
  remove_all();
  scratch_.touch("away/a.notch");
  ASSERT_EQ(::rename(away_.c_str(), path_.c_str()), 0);
  const DirectoryResult result = directory_.regain();
  ASSERT_TRUE(result.ok) << result.message;
  EXPECT_EQ(directory_.fd(), before);
  EXPECT_THAT(directory_.poll().added, ElementsAre("a.notch"));
  EXPECT_TRUE(is_locked(path_));
}

TEST_F(LostDirectoryTest, WithoutItsLockNothingNewIsYielded) {
  std::filesystem::remove(path_ + "/agent.lock");
  touch("a.notch");
  DirectoryChanges changes = directory_.poll();
  EXPECT_EQ(changes.loss, Loss::kLock);
  EXPECT_THAT(changes.added, IsEmpty());
  const DirectoryResult result = directory_.regain();
  ASSERT_TRUE(result.ok) << result.message;
  changes = directory_.poll();
  EXPECT_EQ(changes.loss, Loss::kNone);
  EXPECT_THAT(changes.added, ElementsAre("a.notch"));
  EXPECT_TRUE(is_locked(path_));
}

TEST_F(LostDirectoryTest, AnotherAgentsLockIsNotTaken) {
  std::filesystem::remove(path_ + "/agent.lock");
  SegmentDirectory other;
  ASSERT_TRUE(other.open(path_, false).ok);
  EXPECT_EQ(directory_.poll().loss, Loss::kLock);
  EXPECT_THAT(directory_.regain().message, HasSubstr("is the agent of"));
  EXPECT_EQ(directory_.poll().loss, Loss::kLock);
  other = SegmentDirectory();
  regain();
}

TEST_F(LostDirectoryTest, ADirectoryOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  move_away();
  ASSERT_EQ(::mkdir(path_.c_str(), 0777), 0);
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_THAT(directory_.regain().message, HasSubstr("belongs to uid 65534"));
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  ASSERT_EQ(::chown(path_.c_str(), 0, 0), 0);
  regain();
}

TEST_F(LostDirectoryTest, ALinkIsRefused) {
  move_away();
  ASSERT_EQ(::mkdir(scratch_.path("elsewhere").c_str(), 0755), 0);
  ASSERT_EQ(::symlink(scratch_.path("elsewhere").c_str(), path_.c_str()), 0);
  EXPECT_EQ(directory_.poll().loss, Loss::kDirectory);
  EXPECT_THAT(directory_.regain().message, HasSubstr(path_));
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path("elsewhere")));
}

// --- without a watch ---

class UnwatchedDirectoryTest : public SegmentDirectoryTest {
 protected:
  void open_unwatched() {
    open();
    // The kernel takes a watch away with its file system: so may a test, with its number.
    for (int watch = 1; watch < 8; ++watch) ::inotify_rm_watch(directory_.watch_fd(), watch);
    directory_.poll();
    ASSERT_FALSE(directory_.watched());
  }
};

TEST_F(UnwatchedDirectoryTest, EachPollListsTheDirectory) {
  scratch_.touch("a.notch");
  open_unwatched();
  scratch_.touch("b.notch");
  EXPECT_THAT(directory_.poll().added, ElementsAre("b.notch"));
  remove("a.notch");
  scratch_.touch("c");
  rename("c", "b.notch");
  const DirectoryChanges changes = directory_.poll();
  EXPECT_THAT(changes.removed, UnorderedElementsAre("a.notch", "b.notch"));
  EXPECT_THAT(changes.added, ElementsAre("b.notch"));
  EXPECT_THAT(directory_.poll().added, IsEmpty());
}

TEST_F(UnwatchedDirectoryTest, WhatComesBeforeTheWatchIsThereAgainIsNotMissed) {
  open_unwatched();
  scratch_.touch("a.notch");
  EXPECT_EQ(directory_.watch(), "");
  EXPECT_TRUE(directory_.watched());
  EXPECT_THAT(directory_.poll().added, ElementsAre("a.notch"));
  scratch_.touch("b.notch");
  EXPECT_TRUE(readable());
  EXPECT_THAT(directory_.poll().added, ElementsAre("b.notch"));
}

// --- half-born files ---

TEST_F(SegmentDirectoryTest, RemovesHalfBornFilesOfDeadWritersWhenTheyAreOld) {
  scratch_.touch(".a.new");
  open_and_list();
  EXPECT_EQ(directory_.remove_half_born(1000), 0U);
  EXPECT_EQ(directory_.remove_half_born(1000 + kHalfBornAge_s), 0U);
  EXPECT_TRUE(scratch_.has(".a.new"));
  EXPECT_EQ(directory_.remove_half_born(1001 + kHalfBornAge_s), 1U);
  EXPECT_FALSE(scratch_.has(".a.new"));
}

// Its age is what these calls have seen of it: the clock of the file system may have been set.
TEST_F(SegmentDirectoryTest, AHalfBornFileThatChangesIsYoungAgain) {
  scratch_.touch(".a.new");
  open_and_list();
  EXPECT_EQ(directory_.remove_half_born(1000), 0U);
  const std::array<timespec, 2> in_an_hour = {timespec{std::time(nullptr) + 3600, 0},
                                              timespec{std::time(nullptr) + 3600, 0}};
  ASSERT_EQ(::utimensat(scratch_.fd(), ".a.new", in_an_hour.data(), 0), 0);
  EXPECT_EQ(directory_.remove_half_born(1100), 0U);
  EXPECT_EQ(directory_.remove_half_born(1101 + kHalfBornAge_s), 1U);
}

TEST_F(SegmentDirectoryTest, LeavesHalfBornFilesOfLivingWriters) {
  scratch_.touch(".a.new");
  open_and_list();
  const int writer = ::openat(scratch_.fd(), ".a.new", O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(writer, LOCK_SH), 0);
  directory_.remove_half_born(1000);
  EXPECT_EQ(directory_.remove_half_born(2000), 0U);
  EXPECT_TRUE(scratch_.has(".a.new"));
  ::close(writer);
}

TEST_F(SegmentDirectoryTest, LeavesFilesThatOnlyLookHalfBorn) {
  scratch_.touch("agent.lock");
  scratch_.touch("a.new");
  scratch_.touch(".a");
  ASSERT_EQ(::symlinkat("a.new", scratch_.fd(), ".b.new"), 0);
  open_and_list();
  directory_.remove_half_born(1000);
  EXPECT_EQ(directory_.remove_half_born(2000), 0U);
  EXPECT_TRUE(scratch_.has("a.new"));
  EXPECT_TRUE(scratch_.has(".b.new"));
}

// Others make and remove files as fast as they can: a poll ends all the same.
TEST_F(SegmentDirectoryTest, APollTakesABoundedNumberOfEvents) {
  open_and_list();
  constexpr std::size_t kFiles = 3 * kMostEvents;
  for (std::size_t i = 0; i < kFiles; ++i) scratch_.touch(std::to_string(i) + ".notch");
  std::size_t polls = 0;
  std::size_t added = 0;
  DirectoryChanges changes;
  do {
    changes = directory_.poll();
    EXPECT_LE(changes.added.size(), kMostEvents);
    added += changes.added.size();
    ++polls;
  } while (changes.more);
  EXPECT_EQ(added, kFiles);
  EXPECT_GE(polls, 3U);
  EXPECT_FALSE(readable());
}

}  // namespace
}  // namespace notch::agent
