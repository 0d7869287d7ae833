// No memory, no room, no directory, an old kernel: the program goes on, prints nothing, finds errno
// as it was, and where there is a segment, what was counted is in it.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/seccomp_filter.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

constexpr const char* kProgram = NOTCH_BINARY_DIR "/tests/counting_program";
constexpr int kErrno = 4321;                      // no error's number
constexpr std::uint32_t kTmpfileBit = 020000000;  // of O_TMPFILE, besides O_DIRECTORY's
constexpr std::uint32_t kPopulateWrite = 23;      // MADV_POPULATE_WRITE

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Every public call, each with errno watched.
void use_everything(int sets = 10) {
  const auto watched = [](auto call) {
    errno = kErrno;
    call();
    NOTCH_REQUIRE(errno == kErrno);
  };
  Counter whole;
  FloatCounter real;
  UpDownCounter up_down;
  Gauge level;
  Gauge last;
  Histogram classic;
  NativeHistogram native;
  Family<Counter> family;
  const std::uint8_t ids[16] = {1};
  const Exemplar exemplar{std::span<const std::uint8_t, 16>(ids),
                          std::span<const std::uint8_t, 8>(ids, 8)};
  watched([&] { whole = counter({.name = "test_whole_total", .help = "W."}); });
  watched([&] { real = float_counter({.name = "test_real_total", .help = "R."}); });
  watched([&] { up_down = up_down_counter({.name = "test_up_down", .help = "U."}); });
  watched([&] { level = gauge({.name = "test_level", .help = "L."}); });
  watched([&] { last = gauge({.name = "test_last", .help = "L."}, GaugeMode::kLast); });
  watched([&] { classic = histogram({.name = "test_classic", .help = "C."}, Buckets{1}); });
  watched([&] { native = native_histogram({.name = "test_native", .help = "N."}); });
  watched([&] {
    family = counter_family(
        {.name = "test_sets_total", .help = "S.", .labels = {"n"}, .series_limit = 100'000});
  });
  watched([&] { counter({.name = "Refused", .help = "R."}); });
  for (int i = 0; i < sets; ++i) watched([&] { family.with(std::to_string(i)).add(); });
  watched([&] { whole.add(); });
  watched([&] { whole.add(2, exemplar); });
  watched([&] { real.add(0.5); });
  watched([&] { up_down.subtract(); });
  watched([&] { level.set(1); });
  watched([&] { level.add(1); });
  watched([&] { last.set(1); });
  watched([&] { classic.observe(1, exemplar); });
  watched([&] {
    for (double value = 1; value < 1e9; value *= 2) native.observe(value);
  });
  watched([&] { classic.observe(0.0 * HUGE_VAL); });
  watched([&] { health(); });
  watched([&] { reserve(10); });
}

class Trouble : public SegmentDirectory {
 protected:
  void SetUp() override { chmod(directory().c_str(), 0777); }

  // The program does all it can do; `arrange` has made trouble.
  void expect_detached(const std::function<void()>& arrange, int system_errno) {
    expect_quiet_success([&] {
      arrange();
      use_everything();
      const notch_health now = health();
      NOTCH_REQUIRE(now.attached == 0);
      require(now.system_errno == system_errno, strerror(now.system_errno));
      NOTCH_REQUIRE(now.path[0] == '\0');
    });
  }
  void expect_attached(const std::function<void()>& arrange) {
    expect_quiet_success([&] {
      arrange();
      use_everything(3000);
      NOTCH_REQUIRE(health().attached == 1);
      NOTCH_REQUIRE(read_segments(directory()).size() == 1);
      NOTCH_REQUIRE(integer_total(directory(), "test_whole_total") == 3);
      NOTCH_REQUIRE(integer_total(directory(), "test_sets_total", {"2999"}) == 1);
      NOTCH_REQUIRE(observation_total(directory(), "test_native") == 30);
    });
  }
};

void set_directory(const std::string& path) {
  setenv("NOTCH_DIR", path.c_str(), 1);
}

void set_limit(int resource, std::uint64_t bytes) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  limit.rlim_cur = bytes;
  NOTCH_REQUIRE(setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0);
}

std::uint64_t memory_kib(const char* field) {
  FILE* const status = fopen("/proc/self/status", "r");
  char line[256];
  std::uint64_t value = 0;
  while (fgets(line, sizeof line, status) != nullptr)
    if (strncmp(line, field, strlen(field)) == 0)
      value = strtoul(line + strlen(field) + 1, nullptr, 10);
  fclose(status);
  return value;
}

TEST_F(Trouble, NoneAtAllCountsEverything) {
  expect_attached([] {});
}

// --- the directory ---

TEST_F(Trouble, ADirectoryThatIsMissing) {
  expect_detached([&] { set_directory(directory() + "/missing"); }, ENOENT);
}

TEST_F(Trouble, ADirectoryThatIsAFile) {
  expect_detached([] { set_directory("/proc/self/status"); }, ENOTDIR);
}

TEST_F(Trouble, ADirectoryNobodyMayWriteTo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  chmod(directory().c_str(), 0755);
  expect_detached([] { NOTCH_REQUIRE(setresuid(65534, 65534, 65534) == 0); }, EACCES);
}

TEST_F(Trouble, ADirectoryOnDiskIsSaidToBeOne) {
  const std::string path = NOTCH_BINARY_DIR "/segments-on-disk";
  std::filesystem::create_directory(path);
  struct statfs system {};
  statfs(path.c_str(), &system);
  if (system.f_type == 0x01021994) GTEST_SKIP() << "the build folder is on tmpfs";
  if (system.f_bavail < system.f_blocks / 10) GTEST_SKIP() << "the disk is nearly full";
  expect_quiet_success([&] {
    set_directory(path);
    use_everything();
    NOTCH_REQUIRE(health().attached == 1 && health().on_disk == 1);
  });
  const Ending loud = run_child([&] {
    set_directory(path);
    setenv("NOTCH_DEBUG", "1", 1);
    use_everything();
  });
  EXPECT_NE(loud.output.find("is not on tmpfs"), std::string::npos) << loud.output;
  std::filesystem::remove_all(path);
}

TEST_F(Trouble, ANameOfADirectoryThatIsTooLong) {
  expect_detached([&] { set_directory(directory() + '/' + std::string(300, 'd')); }, ENAMETOOLONG);
}

TEST_F(Trouble, DisabledIsNoTrouble) {
  expect_detached([] { setenv("NOTCH_DISABLED", "1", 1); }, 0);
  EXPECT_TRUE(segments().empty());
}

TEST_F(Trouble, WhatSwitchesItOffIsSaidIfItIsAskedFor) {
  const auto words_of = [&](const char* name, const std::string& value) {
    return run_child([&] {
             setenv("NOTCH_DEBUG", "1", 1);
             setenv(name, value.c_str(), 1);
             counter({.name = "test_whole_total", .help = "W."}).add();
             counter({.name = "test_other_total", .help = "O."}).add();
           })
        .output;
  };
  const std::string start = "notch: what is counted is not seen: ";
  EXPECT_EQ(words_of("NOTCH_DISABLED", "1"), start + "NOTCH_DISABLED is set\n");
  EXPECT_EQ(words_of("NOTCH_DIR", directory() + '/' + std::string(300, 'd')),
            start + "NOTCH_DIR is too long\n");
}

// --- a full or read-only file system, mounted for the child alone ---

class OnTmpfs : public Trouble {
 protected:
  void SetUp() override {
    Trouble::SetUp();
    const std::string status =
        wait_for(start_child([] { NOTCH_REQUIRE(unshare(CLONE_NEWNS) == 0); }));
    if (status != "exit 0") GTEST_SKIP() << "may not make a mount namespace";
  }
  void mount_tmpfs(const char* options, unsigned long flags = 0) const {
    NOTCH_REQUIRE(unshare(CLONE_NEWNS) == 0);
    NOTCH_REQUIRE(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    NOTCH_REQUIRE(mount("none", directory().c_str(), "tmpfs", flags, options) == 0);
  }
  void fill_up() const {
    const int fd = ::open((directory() + "/filler").c_str(), O_RDWR | O_CREAT, 0600);
    std::vector<char> page(4096, 'x');
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    ::close(fd);
  }
};

TEST_F(OnTmpfs, ReadOnly) {
  expect_detached([&] { mount_tmpfs("size=1m", MS_RDONLY); }, EROFS);
}

TEST_F(OnTmpfs, FullAtCreation) {
  expect_detached(
      [&] {
        mount_tmpfs("size=1m");
        fill_up();
      },
      ENOSPC);
}

TEST_F(OnTmpfs, TooSmallForASegment) {
  expect_detached([&] { mount_tmpfs("size=12k"); }, ENOSPC);
}

TEST_F(OnTmpfs, OutOfInodes) {
  expect_detached([&] { mount_tmpfs("size=8m,nr_inodes=1"); }, ENOSPC);
}

// Makes more series than the first memory is for. What has its cells counts on, what finds none is
// counted as dropped; gives how many were.
std::uint64_t grow(
    const std::string& directory, const std::function<void()>& before_growth,
    const std::function<void()>& after_growth = [] {}) {
  auto total = counter({.name = "test_whole_total", .help = "W."});
  auto family = counter_family(
      {.name = "test_sets_total", .help = "S.", .labels = {"n"}, .series_limit = 100'000});
  NOTCH_REQUIRE(health().attached == 1);
  before_growth();
  constexpr int kSets = 5000;
  for (int i = 0; i < kSets; ++i) {
    family.with(std::to_string(i)).add();
    total.add();
  }
  after_growth();
  const SegmentTotals segment = read_segments(directory).at(0);
  std::uint64_t sum = segment.null_integers.at(0);
  for (const SeriesTotals& series : segment.series)
    if (series.family == "test_sets_total") sum += series.integers.at(0);
  NOTCH_REQUIRE(sum == kSets);
  NOTCH_REQUIRE(integer_total(directory, "test_whole_total") == kSets);
  return segment.drops(shm::DropReason::kNoCells);
}

// The store that finds no page would be SIGBUS.
TEST_F(OnTmpfs, FullAtGrowth) {
  for (const bool knows_populate : {true, false}) {
    expect_quiet_success([&] {
      mount_tmpfs("size=1m");
      if (!knows_populate) refuse_call(SYS_madvise, 2, kPopulateWrite, true, EINVAL);
      NOTCH_REQUIRE(grow(directory(), [&] { fill_up(); }) > 0);
    });
  }
}

std::uint64_t all_observations(const SegmentTotals& segment) {
  std::uint64_t sum = 0;
  for (const SeriesTotals& series : segment.series) sum += series.observations();
  return sum;
}

// -1 if there is no segment.
int open_segment_in(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    return ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
  return -1;
}

// What an agent could have read of a segment that had to be taken back would be counted twice.
TEST_F(OnTmpfs, NothingIsCountedInASegmentThatIsTakenBack) {
  expect_quiet_success([&] {
    mount_tmpfs("size=1m");
    const std::string later = directory() + "/later";
    setenv("NOTCH_DIR", later.c_str(), 1);
    std::vector<double> bounds(256);
    for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(i);
    auto family = histogram_family({.name = "test_wide_seconds", .help = "W.", .labels = {"n"}},
                                   Buckets(bounds));
    if (!health().rseq) return;  // one column is never half of them
    std::vector<Histogram> sets;
    for (int n = 0; n < 150; ++n) sets.push_back(family.with(std::to_string(n)));
    std::atomic<std::uint64_t> truth = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (std::uint64_t i = 0; i < 20'000; ++i) sets[i % sets.size()].observe(1);
        truth += 20'000;
      });
    }
    for (std::thread& thread : threads) thread.join();
    NOTCH_REQUIRE(mkdir(later.c_str(), 0777) == 0);
    NOTCH_REQUIRE(mount("none", later.c_str(), "tmpfs", 0, "size=500k") == 0);
    int kept = -1;
    NOTCH_REQUIRE(eventually([&] {
      std::atomic<bool> done = false;
      std::thread reader([&] {
        while (kept < 0 && !done.load()) kept = open_segment_in(later);
      });
      const int error = health().system_errno;
      done = true;
      reader.join();
      return error == ENOSPC;
    }));
    NOTCH_REQUIRE(health().attached == 0 && read_segments(later).empty());
    if (kept >= 0) {
      const SegmentTotals left = read_segment("/proc/self/fd/" + std::to_string(kept));
      NOTCH_REQUIRE(left.header.state == static_cast<std::uint32_t>(shm::State::kClosed));
      NOTCH_REQUIRE(all_observations(left) == 0);
      ::close(kept);
    }
    NOTCH_REQUIRE(mount("none", later.c_str(), "tmpfs", MS_REMOUNT, "size=8m") == 0);
    NOTCH_REQUIRE(eventually([] { return health().attached == 1; }));
    sets[0].observe(1);
    NOTCH_REQUIRE(all_observations(read_segments(later).at(0)) == truth.load() + 1);
  });
}

// --- limits ---

TEST_F(Trouble, AFileSizeLimitBelowTheUsualSizeMakesASmallerSegment) {
  expect_attached([] { set_limit(RLIMIT_FSIZE, 8U << 20); });
}

TEST_F(Trouble, AFileSizeLimitBelowAnySegmentRaisesNoSignal) {
  expect_detached([] { set_limit(RLIMIT_FSIZE, 4096); }, EFBIG);
}

// A child that has less room than its parent already uses.
TEST_F(Trouble, AForkedChildUnderATighterFileSizeLimit) {
  expect_quiet_success([&] {
    use_everything(30'000);
    const pid_t child = start_child([] {
      set_limit(RLIMIT_FSIZE, 512U << 10);
      use_everything(40'000);
      NOTCH_REQUIRE(health().attached == 0);
    });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
  });
}

TEST_F(Trouble, LittleAddressSpaceIsNoReasonToFail) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need the address space";
  for (const std::uint64_t mib : {16U, 32U, 64U, 100U, 120U, 128U, 140U, 160U, 512U}) {
    const Ending ending = run_child([&] {
      set_limit(RLIMIT_AS, mib << 20);
      execl(kProgram, kProgram, "3", static_cast<char*>(nullptr));
    });
    EXPECT_EQ(ending.status, "exit 0") << mib << " MiB";
    EXPECT_EQ(ending.output, "") << mib << " MiB";
  }
  EXPECT_GE(count("test_program_total"), 3U) << "the largest is enough";
}

TEST_F(Trouble, AddressSpaceThatRunsOutBeforeTheFirstDefinition) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need the address space";
  expect_quiet_success([] {
    set_limit(RLIMIT_AS, (memory_kib("VmSize:") << 10) + (16U << 20));
    use_everything(100);
    NOTCH_REQUIRE(health().attached == 1);
  });
  expect_quiet_success([] {
    set_limit(RLIMIT_AS, memory_kib("VmSize:") << 10);
    for (int i = 0; i < 10; ++i) counter({.name = "test_whole_total", .help = "W."}).add();
  });
}

TEST_F(Trouble, LockedMemoryHoldsOnlyWhatIsUsed) {
  if (kSanitized) GTEST_SKIP() << "sanitizers' own memory would be locked";
  expect_quiet_success([] {
    if (mlockall(MCL_FUTURE) != 0) return;  // by somebody without the right: nothing to hold
    const std::uint64_t before_kib = memory_kib("VmRSS:");
    use_everything(100);
    NOTCH_REQUIRE(health().attached == 1);
    NOTCH_REQUIRE(memory_kib("VmRSS:") - before_kib < 8192);
  });
}

TEST_F(Trouble, LockedMemoryUnderALimit) {
  if (kSanitized) GTEST_SKIP() << "sanitizers' own memory would be locked";
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  expect_quiet_success([] {
    const rlimit limit{8U << 20, 8U << 20};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    NOTCH_REQUIRE(setresuid(65534, 65534, 65534) == 0);
    NOTCH_REQUIRE(mlockall(MCL_FUTURE) == 0);
    use_everything(100);
    NOTCH_REQUIRE(health().attached == 1);
  });
}

// --- kernels and file systems that lack something ---

TEST_F(Trouble, AKernelWithoutMadvPopulateWrite) {
  expect_attached([] { refuse_call(SYS_madvise, 2, kPopulateWrite, true, EINVAL); });
}

// Nor does growth need a descriptor there, which the program might close.
TEST_F(Trouble, AKernelWithoutMadvPopulateWriteGrowsWithoutOpening) {
  expect_quiet_success([&] {
    refuse_call(SYS_madvise, 2, kPopulateWrite, true, EINVAL);
    const auto forbid = [] { set_limit(RLIMIT_NOFILE, 0); };
    const auto allow = [] { set_limit(RLIMIT_NOFILE, 1024); };
    NOTCH_REQUIRE(grow(directory(), forbid, allow) == 0);
  });
}

// The memory of the first thread's column is asked for with the file's, so it has one even where no
// other memory can be had.
TEST_F(Trouble, TheFirstThreadHasAColumnFromTheBirth) {
  expect_quiet_success([&] {
    refuse_call(SYS_madvise, 2, kPopulateWrite, true, EPERM);
    counter({.name = "test_first_total", .help = "First."}).add();
    const SegmentTotals segment = read_segments(directory()).at(0);
    NOTCH_REQUIRE(segment.columns_in_use() == (health().rseq ? 2U : 1U));
  });
}

TEST_F(Trouble, AFileSystemWithoutTmpfile) {
  expect_attached([] { refuse_call(SYS_openat, 2, kTmpfileBit, false, EOPNOTSUPP); });
  for (const auto& entry : std::filesystem::directory_iterator(directory()))
    EXPECT_TRUE(entry.path().filename().string().ends_with(".notch")) << "a draft is left";
}

}  // namespace
}  // namespace notch::test
