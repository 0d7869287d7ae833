// The ledger as a file: what goes in comes back, whatever the end looks like, whatever the disk
// does, and nobody else's file is taken for ours.
#include "agent/ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <random>

#include "agent/ledger/ledger_replay.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/agent/ledger/ledger_sample.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using notch::testing::ScratchDirectory;

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST_F(LedgerFile, IsCreatedEmptyForItsOwnerAndGroup) {
  const Recovered recovered = recover();
  EXPECT_TRUE(recovered.rows.empty());
  EXPECT_FALSE(recovered.discarded_other_boot);
  struct stat status {};
  ASSERT_EQ(stat(directory_.path("ledger").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
}

TEST_F(LedgerFile, GivesBackEveryKindOfRow) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(3).ok);
  ASSERT_TRUE(agent.fold_segment(8, kNow + 5).ok);
  const Recovered recovered = recover();
  EXPECT_EQ(recovered.families, sample::families());
  EXPECT_EQ(recovered.rows, agent.rows());
  EXPECT_EQ(recovered.rows[0].total.slots[0], 11U);
  EXPECT_EQ(recovered.rows[0].last_seen_boot_s, kNow + 5);
}

TEST_F(LedgerFile, NamesWhatIsFoldedUntilItsRemovalIsWritten) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  ASSERT_TRUE(agent.fold_segment(2).ok);
  agent.ledger().removed(sample::make_segment(1));
  EXPECT_THAT(recover().folded,
              UnorderedElementsAre(sample::make_segment(1), sample::make_segment(2)));
  ASSERT_TRUE(agent.ledger().append({}, kNow).ok);
  EXPECT_THAT(recover().folded, UnorderedElementsAre(sample::make_segment(2)));
}

TEST_F(LedgerFile, RemovalOfAnUnfoldedSegmentSaysNothing) {
  Agent agent(directory_.fd());
  const std::uint64_t before = agent.ledger().file_bytes();
  agent.ledger().removed(sample::make_segment(1));
  ASSERT_TRUE(agent.ledger().append({}, kNow).ok);
  EXPECT_EQ(agent.ledger().file_bytes(), before);
}

TEST_F(LedgerFile, NeverTakesASegmentTwice) {
  Agent agent(directory_.fd());
  agent.define_all();
  const Fold twice[] = {{sample::make_segment(1), {}}, {sample::make_segment(1), {}}};
  EXPECT_THAT(agent.fold(twice).message, HasSubstr("segment-1: folded already"));
  EXPECT_TRUE(recover().folded.empty());
  ASSERT_TRUE(agent.fold_segment(1).ok);
  EXPECT_FALSE(agent.fold_segment(1).ok);
  EXPECT_EQ(recover().rows, agent.rows());
}

TEST_F(LedgerFile, NeverTakesASegmentOfAnEarlierRunTwice) {
  {
    Agent agent(directory_.fd());
    agent.define_all();
    ASSERT_TRUE(agent.fold_segment(1).ok);
  }
  Agent agent(directory_.fd());
  EXPECT_FALSE(agent.fold_segment(1).ok);
  EXPECT_TRUE(agent.fold_segment(2).ok);
}

TEST_F(LedgerFile, RefusesAFoldThatCouldNotBeReadAgain) {
  Agent agent(directory_.fd());
  agent.define_all();
  Fold fold{sample::make_segment(1), {sample::make_change(sample::kCount, sample::kLatency, 1)}};
  EXPECT_THAT(agent.fold(std::span(&fold, 1)).message, HasSubstr("number of slots"));
  fold.rows = {sample::make_change(sample::kFamilies, sample::kCount, 1)};
  EXPECT_THAT(agent.fold(std::span(&fold, 1)).message, HasSubstr("row is not defined"));
  EXPECT_TRUE(agent.fold_segment(1).ok);
}

TEST_F(LedgerFile, RefusesToWriteADefinitionThatCouldNotBeReadAgain) {
  Agent agent(directory_.fd());
  Family family = sample::families()[sample::kLatency];
  family.bounds = {1, 1};
  agent.ledger().define_family(family);
  EXPECT_THAT(agent.ledger().append({}, kNow).message, HasSubstr("bounds do not increase"));
  EXPECT_TRUE(recover().families.empty());
}

// VL1: amounts whose sum depends on the order, over several runs and a compaction.
TEST_F(LedgerFile, DoublesComeBackBitForBit) {
  std::mt19937_64 random(20240229);
  std::uniform_real_distribution<double> exponent(-30, 30);
  std::vector<RecoveredRow> running;
  for (std::uint64_t run = 0; run < 4; ++run) {
    Agent agent(directory_.fd());
    if (run == 0) agent.define_all();
    for (std::uint64_t i = 0; i < 50; ++i) {
      Fold fold{sample::make_segment(100 * run + i), {RowChange{}}};
      fold.rows[0].row = sample::kSeconds;
      fold.rows[0].slots = {sample::bits(std::exp2(exponent(random)))};
      ASSERT_TRUE(agent.fold(std::span(&fold, 1)).ok);
      if (run == 2 && i == 25) {
        ASSERT_TRUE(agent.compact().ok);
      }
    }
    running = agent.rows();
  }
  EXPECT_EQ(recover().rows, running);
}

TEST_F(LedgerFile, CompactionKeepsTotalsAndWhatAwaitsRemoval) {
  Agent agent(directory_.fd());
  agent.define_all();
  for (std::uint64_t n = 0; n < 100; ++n) {
    ASSERT_TRUE(agent.fold_segment(n).ok);
    if (n != 7) agent.ledger().removed(sample::make_segment(n));
  }
  const std::uint64_t before = agent.ledger().file_bytes();
  ASSERT_TRUE(agent.compact().ok);
  EXPECT_LT(agent.ledger().file_bytes(), before / 10);
  EXPECT_EQ(agent.ledger().file_bytes(), directory_.read("ledger").size());
  EXPECT_FALSE(directory_.has("ledger.new"));
  const Recovered recovered = recover();
  EXPECT_EQ(recovered.rows, agent.rows());
  EXPECT_THAT(recovered.folded, UnorderedElementsAre(sample::make_segment(7)));
}

TEST_F(LedgerFile, IdsAfterACompactionAreTheGivenIndices) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(4).ok);
  const std::vector<Family> families = {sample::families()[sample::kLatency]};
  RecoveredRow kept = agent.rows()[sample::kLatency];
  kept.family = 0;
  ASSERT_TRUE(agent.ledger().compact(families, std::span(&kept, 1)).ok);
  EXPECT_EQ(agent.ledger().define_family(sample::families()[sample::kCount]), 1U);
  EXPECT_EQ(agent.ledger().define_row(1, "x=\"y\""), 1U);
  const Fold fold{sample::make_segment(5),
                  {sample::make_change(0, sample::kLatency, 1), sample::make_change(1, 0, 6)}};
  ASSERT_TRUE(agent.ledger().append(std::span(&fold, 1), kNow).ok);
  const Recovered recovered = recover();
  ASSERT_EQ(recovered.rows.size(), 2U);
  EXPECT_EQ(recovered.rows[0].total.slots[0], 5U);
  EXPECT_EQ(recovered.rows[1].total.slots[0], 6U);
}

TEST_F(LedgerFile, RefusesToCompactIntoWhatCouldNotBeReadAgain) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(4).ok);
  std::vector<RecoveredRow> rows = agent.rows();
  rows[0].total.slots.clear();
  EXPECT_THAT(agent.ledger().compact(sample::families(), rows).message,
              HasSubstr("requests_total{service=\"a\"}: another number of slots"));
  EXPECT_EQ(recover().rows, agent.rows());
}

TEST_F(LedgerFile, WantsCompactingOnceItHasDoubled) {
  Agent agent(directory_.fd());
  agent.define_all();
  std::uint64_t n = 0;
  while (!agent.ledger().wants_compacting() && n < 10'000) ASSERT_TRUE(agent.fold_segment(n++).ok);
  EXPECT_GE(agent.ledger().file_bytes(), 1U << 20);
  EXPECT_LT(n, 10'000U);
  for (std::uint64_t i = 0; i < n; ++i) agent.ledger().removed(sample::make_segment(i));
  ASSERT_TRUE(agent.compact().ok);
  EXPECT_FALSE(agent.ledger().wants_compacting());
}

// write(2) calls of this process so far, by the kernel's own account; 0 if it keeps none.
std::uint64_t write_calls() {
  std::ifstream in("/proc/self/io");
  std::string key;
  std::uint64_t count = 0;
  while (in >> key >> count) {
    if (key == "syscw:") return count;
  }
  return 0;
}

TEST_F(LedgerFile, AnAppendIsOneWriteHoweverManyItFolds) {
  Agent agent(directory_.fd());
  agent.define_all();
  std::vector<Fold> folds;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    folds.push_back({sample::make_segment(n), {sample::make_change(0, 0, n)}});
  }
  // UBSan writes to a pipe of its own the first time it meets a type: let it have met them.
  ASSERT_TRUE(agent.fold_segment(5000).ok);
  write_calls();
  const std::uint64_t before = write_calls();
  if (!std::filesystem::exists("/proc/self/io")) {
    GTEST_SKIP() << "this kernel does not count write calls (/proc/self/io)";
  }
  ASSERT_TRUE(agent.fold(folds).ok);
  EXPECT_EQ(write_calls() - before, 1U);
}

// LE1: whatever byte the writing stopped at, the whole folds before it count and nothing else does.
TEST_F(LedgerFile, CutAnywhereItHoldsTheWholeFoldsBefore) {
  std::vector<std::pair<std::size_t, std::vector<RecoveredRow>>> states;
  {
    Agent agent(directory_.fd());
    states.emplace_back(agent.ledger().file_bytes(), agent.rows());
    agent.define_all();
    for (std::uint64_t n = 1; n <= 4; ++n) {
      ASSERT_TRUE(agent.fold_segment(n).ok);
      states.emplace_back(agent.ledger().file_bytes(), agent.rows());
    }
  }
  const std::string whole = directory_.read("ledger");
  std::size_t state = 0;
  for (std::size_t size = states[0].first; size <= whole.size(); ++size) {
    while (state + 1 < states.size() && states[state + 1].first <= size) ++state;
    directory_.write("ledger", whole.substr(0, size));
    const Recovered recovered = recover();
    ASSERT_EQ(recovered.folded.size(), state) << size;
    // Definitions go before their first fold: they may be whole where the fold is torn.
    if (state > 0) {
      ASSERT_EQ(recovered.rows, states[state].second) << size;
    }
    ASSERT_EQ(directory_.read("ledger").size() + recovered.torn_bytes, size);
  }
}

TEST_F(LedgerFile, ATornEndIsWrittenOver) {
  {
    Agent agent(directory_.fd());
    agent.define_all();
    ASSERT_TRUE(agent.fold_segment(1).ok);
    ASSERT_TRUE(agent.fold_segment(2).ok);
  }
  const std::string whole = directory_.read("ledger");
  directory_.write("ledger", whole.substr(0, whole.size() - 1));
  Agent agent(directory_.fd());
  EXPECT_GT(agent.recovered().torn_bytes, 0U);
  ASSERT_TRUE(agent.fold_segment(2).ok);
  EXPECT_EQ(directory_.read("ledger").size(), whole.size());
  EXPECT_EQ(recover().rows, agent.rows());
}

TEST_F(LedgerFile, LeftoversOfAKilledCompactionGo) {
  recover();  // so that there is a ledger, and no other reason to make a new one
  directory_.write("ledger.new", "half a snapsh");
  recover();
  EXPECT_FALSE(directory_.has("ledger.new"));
}

TEST_F(LedgerFile, ALedgerOfAnotherBootIsSetAside) {
  std::string other;
  encode_header(BootId{1}, other);
  encode_snapshot_end({0, 0, 0}, other);
  directory_.write("ledger", other);
  EXPECT_TRUE(recover().discarded_other_boot);
  EXPECT_EQ(directory_.read("ledger.other-boot"), other);
  EXPECT_FALSE(recover().discarded_other_boot);
}

TEST_F(LedgerFile, OneWithABrokenFrameIsKeptAsideAndTheRestGoesOn) {
  std::vector<RecoveredRow> counted;
  {
    Agent agent(directory_.fd());
    ASSERT_TRUE(agent.fold_segment(1).ok);
    counted = agent.rows();
  }
  std::string broken = directory_.read("ledger");
  encode_segment(FrameKind::kRemoved, sample::make_segment(7), broken);  // never folded
  directory_.write("ledger", broken);
  const Recovered recovered = recover();
  EXPECT_EQ(recovered.broken_frames, 1U);
  EXPECT_THAT(recovered.broken_message, HasSubstr("frame of kind 7 at byte"));
  EXPECT_THAT(recovered.broken_message, HasSubstr("kept as ledger.broken"));
  EXPECT_EQ(recovered.rows, counted);
  EXPECT_EQ(directory_.read("ledger.broken"), broken);
  const Recovered again = recover();
  EXPECT_EQ(again.broken_frames, 0U);
  EXPECT_EQ(again.rows, counted);
  EXPECT_THAT(again.folded, UnorderedElementsAre(sample::make_segment(1)));

  directory_.write("ledger", broken);
  EXPECT_THAT(recover().broken_message, HasSubstr("kept as ledger.broken-2"));
  EXPECT_EQ(directory_.read("ledger.broken"), broken);
}

TEST_F(LedgerFile, WithoutAPlaceForABrokenOneItIsLeftAsItIs) {
  recover();
  std::string broken = directory_.read("ledger");
  encode_segment(FrameKind::kRemoved, sample::make_segment(7), broken);
  directory_.write("ledger", broken);
  directory_.touch("ledger.broken");
  for (int i = 2; i <= 9; ++i) directory_.touch("ledger.broken-" + std::to_string(i));
  EXPECT_THAT(refusal(), HasSubstr("cannot be set aside"));
  EXPECT_EQ(directory_.read("ledger"), broken);
}

TEST_F(LedgerFile, WhatIsNoLedgerIsKeptAsideAndANewOneBegins) {
  const std::vector<std::string> contents = {"", "NOTCHLDG",
                                             "a letter to my aunt, which is longer than a header"};
  for (std::size_t i = 0; i < contents.size(); ++i) {
    directory_.write("ledger", contents[i]);
    const std::string kept = "ledger.broken" + (i == 0 ? "" : "-" + std::to_string(i + 1));
    const Recovered recovered = recover();
    EXPECT_EQ(recovered.broken_frames, 1U);
    EXPECT_THAT(recovered.broken_message, HasSubstr("ledger ledger: not a ledger"));
    EXPECT_THAT(recovered.broken_message, HasSubstr("totals start at zero"));
    EXPECT_THAT(recovered.broken_message, HasSubstr("kept as " + kept));
    EXPECT_EQ(directory_.read(kept), contents[i]);
    EXPECT_EQ(recover().broken_frames, 0U) << "the new one is whole";
  }
}

TEST_F(LedgerFile, ALedgerWithADamagedHeaderIsKeptAsideAndItsTotalsStay) {
  std::vector<RecoveredRow> counted;
  {
    Agent agent(directory_.fd());
    agent.define_all();
    ASSERT_TRUE(agent.fold_segment(1).ok);
    counted = agent.rows();
  }
  std::string damaged = directory_.read("ledger");
  damaged[36] = static_cast<char>(damaged[36] ^ 4);
  directory_.write("ledger", damaged);
  const Recovered recovered = recover();
  EXPECT_EQ(recovered.broken_frames, 1U);
  EXPECT_THAT(recovered.broken_message, HasSubstr("header's checksum"));
  EXPECT_EQ(recovered.rows, counted);
  EXPECT_EQ(directory_.read("ledger.broken"), damaged);
  const Recovered again = recover();
  EXPECT_EQ(again.broken_frames, 0U);
  EXPECT_EQ(again.rows, counted);
  EXPECT_THAT(again.folded, UnorderedElementsAre(sample::make_segment(1)));
}

TEST_F(LedgerFile, ALinkIsNotFollowed) {
  directory_.write("elsewhere", "");
  ASSERT_EQ(symlink("elsewhere", directory_.path("ledger").c_str()), 0);
  EXPECT_THAT(refusal(), HasSubstr("symbolic link"));
}

TEST_F(LedgerFile, APipeIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(directory_.path("ledger").c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr("not a regular file"));
}

TEST_F(LedgerFile, AFileOthersMayWriteIsNotOurs) {
  recover();
  ASSERT_EQ(chmod(directory_.path("ledger").c_str(), 0666), 0);
  EXPECT_THAT(refusal(), HasSubstr("may be written by others"));
}

// In a directory of the agent's own: nobody keeps it from its start by taking a name first.
TEST_F(LedgerFile, FilesOfAnotherUserTakeNoBrokenOnesPlace) {
  recover();
  std::string broken = directory_.read("ledger");
  encode_segment(FrameKind::kRemoved, sample::make_segment(7), broken);
  directory_.write("ledger", broken);
  for (int i = 1; i <= 9; ++i) {
    const std::string name = i == 1 ? "ledger.broken" : "ledger.broken-" + std::to_string(i);
    directory_.touch(name);
    if (chown(directory_.path(name).c_str(), 12345, 12345) != 0) {
      GTEST_SKIP() << "giving a file away needs CAP_CHOWN";
    }
  }
  EXPECT_THAT(recover().broken_message, HasSubstr("kept as ledger.broken"));
  EXPECT_EQ(directory_.read("ledger.broken"), broken);
}

TEST_F(LedgerFile, AFileOfAnotherUserIsSetAside) {
  recover();
  if (chown(directory_.path("ledger").c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "giving a file away needs CAP_CHOWN";
  }
  recover();
}

TEST_F(LedgerFile, ADirectoryOfAnotherUserInItsPlaceIsSetAside) {
  ASSERT_EQ(mkdir(directory_.path("ledger").c_str(), 0700), 0);
  directory_.write("ledger/kept", std::span<const std::byte>());
  if (chown(directory_.path("ledger").c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "giving a file away needs CAP_CHOWN";
  }
  recover();
}

TEST_F(LedgerFile, AFileOfAnotherUserInAnothersDirectoryIsNotOurs) {
  recover();
  if (chown(directory_.path("ledger").c_str(), 12345, 12345) != 0 ||
      chown(directory_.path().c_str(), 12346, 12346) != 0) {
    GTEST_SKIP() << "giving a file away needs CAP_CHOWN";
  }
  EXPECT_THAT(refusal(), HasSubstr("another user"));
}

// Makes writes beyond a size come short, then fail, as a full disk does: by the kernel itself.
class SizeLimit {
 public:
  explicit SizeLimit(std::uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  ~SizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(LedgerFile, AWriteThatComesShortAtAnyByteLeavesNothing) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.ledger().append({}, kNow).ok);
  const std::uint64_t defined = agent.ledger().file_bytes();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  const std::string before = directory_.read("ledger");
  const std::uint64_t frame_bytes = before.size() - defined;
  for (std::uint64_t room = 0; room < frame_bytes; ++room) {
    const SizeLimit limit(before.size() + room);
    ASSERT_THAT(agent.fold_segment(2).message, HasSubstr("cannot append: File too large"));
    ASSERT_TRUE(directory_.read("ledger") == before) << room;
  }
  ASSERT_TRUE(agent.fold_segment(2).ok);
  EXPECT_EQ(recover().rows, agent.rows());
}

// In a child, as it cannot be taken back: from here on ftruncate(2) fails.
bool forbid_cutting() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ftruncate, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(rules), rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Its exit status: 0 as it should be, 77 no filter to be had, anything else a line below.
int fail_to_cut(int directory_fd) {
  Agent agent(directory_fd);
  agent.define_all();
  if (!agent.fold_segment(1).ok) return __LINE__ % 256;
  if (!forbid_cutting()) return 77;
  // Room for one of the two folds and a half.
  const Fold folds[] = {{sample::make_segment(2), {sample::make_change(0, 0, 2)}},
                        {sample::make_segment(3), {sample::make_change(0, 0, 3)}}};
  {
    const SizeLimit limit(agent.ledger().file_bytes() + 130);
    if (agent.fold(folds).ok) return __LINE__ % 256;
  }
  // A shorter write could now wake segment-3's fold behind it.
  if (agent.fold(std::span(folds).first(1)).ok) return __LINE__ % 256;
  return agent.compact().ok && agent.fold(folds).ok ? 0 : __LINE__ % 256;
}

// OF2: the torn end stays, so nothing may be written over it; a new file may.
TEST_F(LedgerFile, NothingIsAppendedToATornEndThatCannotBeCut) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(fail_to_cut(directory_.fd()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this kernel takes no seccomp filter";
  ASSERT_EQ(WEXITSTATUS(status), 0) << "the line of fail_to_cut(), modulo 256";
  EXPECT_EQ(recover().rows[0].total.slots[0], 1U + 2U + 3U);
}

TEST_F(LedgerFile, ACompactionThatFindsNoRoomLeavesTheOldFileInUse) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  agent.ledger().removed(sample::make_segment(1));
  {
    const SizeLimit limit(200);
    EXPECT_THAT(agent.compact().message, HasSubstr("cannot write ledger.new"));
  }
  EXPECT_FALSE(directory_.has("ledger.new"));
  ASSERT_TRUE(agent.fold_segment(2).ok);
  EXPECT_EQ(recover().rows, agent.rows());
  EXPECT_THAT(recover().folded, UnorderedElementsAre(sample::make_segment(2)));
}

// Started again and again on a full disk, the agent starts once there is room.
TEST_F(LedgerFile, ABrokenOneIsKeptOnceHoweverOftenTheNewOneFindsNoRoom) {
  Agent(directory_.fd()).define_all();
  std::string broken = directory_.read("ledger");
  encode_segment(FrameKind::kRemoved, sample::make_segment(7), broken);
  directory_.write("ledger", broken);
  {
    const SizeLimit limit(1);
    for (int i = 0; i < 12; ++i) {
      Agent agent(directory_.fd());
      EXPECT_THAT(agent.opened().message, HasSubstr("cannot write ledger.new"));
    }
  }
  EXPECT_EQ(directory_.read("ledger"), broken);
  EXPECT_FALSE(directory_.has("ledger.broken-2"));
  EXPECT_THAT(recover().broken_message, HasSubstr("kept as ledger.broken"));
  EXPECT_EQ(directory_.read("ledger.broken"), broken);
  EXPECT_EQ(recover().broken_frames, 0U);
}

// In a child, so that the mount is seen by nobody else. Its exit status: 0 as it should be, 77 no
// mount to be had, anything else a line below.
int fill_a_tiny_tmpfs(const std::string& directory) {
  if (unshare(CLONE_NEWNS) != 0) return 77;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
  if (mount("tiny", directory.c_str(), "tmpfs", 0, "size=64k") != 0) return 77;
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Agent agent(fd);
  agent.define_all();
  std::uint64_t n = 0;
  LedgerResult result;
  while ((result = agent.fold_segment(n)).ok) {
    if (++n > 10'000) return __LINE__ % 256;
  }
  if (result.message.find("No space left") == std::string::npos) return __LINE__ % 256;
  if (Agent(fd).recovered().rows != agent.rows()) return __LINE__ % 256;
  if (Agent(fd).recovered().torn_bytes != 0) return __LINE__ % 256;
  for (std::uint64_t i = 0; i < n; ++i) agent.ledger().removed(sample::make_segment(i));
  // The disk is full of the old file, but for what the page it ends in leaves: no room for a new
  // one, and the old one stays in use.
  if (!agent.compact().ok && Agent(fd).recovered().rows != agent.rows()) return __LINE__ % 256;
  return 0;
}

TEST_F(LedgerFile, AFullDiskLosesNothing) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(fill_a_tiny_tmpfs(directory_.path()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "mounting a tmpfs needs CAP_SYS_ADMIN";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the line of fill_a_tiny_tmpfs(), modulo 256";
}

TEST_F(LedgerFile, AFileThatCannotBeWrittenIsReportedByName) {
  Agent agent(-1);
  EXPECT_FALSE(agent.opened().ok);
  EXPECT_THAT(agent.opened().message, HasSubstr("ledger ledger: cannot be opened"));
  EXPECT_FALSE(agent.fold_segment(1).ok);
  EXPECT_FALSE(agent.compact().ok);
}

// Others may write to the directory; the names beside the ledger's are not theirs to hold.
TEST_F(LedgerFile, ADirectoryInTheNewFilesPlaceStopsNoCompaction) {
  Agent agent(directory_.fd());
  agent.define_all();
  ASSERT_TRUE(agent.fold_segment(1).ok);
  for (const bool empty : {true, false}) {
    ASSERT_EQ(mkdirat(directory_.fd(), "ledger.new", 0755), 0);
    if (!empty) {
      ASSERT_EQ(mkdirat(directory_.fd(), "ledger.new/kept", 0755), 0);
    }
    const LedgerResult result = agent.compact();
    EXPECT_TRUE(result.ok) << result.message;
    EXPECT_FALSE(directory_.has("ledger.new"));
  }
  EXPECT_EQ(Agent(directory_.fd()).recovered().rows, agent.rows());
}

}  // namespace
}  // namespace notch::agent
