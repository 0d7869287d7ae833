// What the client takes of a program's address space: nothing before the first definition, little
// then, and less where there is little.
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

std::uint64_t status_kib(const char* name) {
  FILE* const status = fopen("/proc/self/status", "r");
  char line[256];
  std::uint64_t value = 0;
  while (fgets(line, sizeof line, status) != nullptr)
    if (strncmp(line, name, strlen(name)) == 0) value = strtoul(line + strlen(name), nullptr, 10);
  fclose(status);
  return value;
}

std::uint64_t address_space_kib() {
  return status_kib("VmSize:");
}

// What a program can write to and is its own: RLIMIT_DATA limits it, and under strict overcommit
// there must be memory for all of it.
std::uint64_t own_kib() {
  return status_kib("VmData:");
}

class AddressSpace : public SegmentDirectory {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers need the address space";
#endif
  }
};

TEST_F(AddressSpace, IsTakenAtTheFirstDefinition) {
  expect_quiet_success([] {
    const std::uint64_t before = address_space_kib();
    NOTCH_REQUIRE(sysconf(_SC_NPROCESSORS_CONF) > 0);
    NOTCH_REQUIRE(address_space_kib() == before);
    counter({.name = "test_total", .help = "T."}).add();
    NOTCH_REQUIRE(health().attached == 1);
    const std::uint64_t columns = 1 + static_cast<std::uint64_t>(sysconf(_SC_NPROCESSORS_CONF));
    NOTCH_REQUIRE(address_space_kib() - before <= (34 + 2 * columns) * 1024);
  });
}

// Threads of the program's own, each with its stack of 8 MiB, find room under any limit that they
// would find it under alone.
TEST_F(AddressSpace, OfALimitIsTakenASmallShare) {
  for (const std::uint64_t mib : {100U, 120U, 135U, 150U}) {
    const Ending ending = run_child([mib] {
      const std::uint64_t before = address_space_kib();
      const rlimit limit{mib << 20, mib << 20};
      setrlimit(RLIMIT_AS, &limit);
      counter({.name = "test_total", .help = "T."}).add();
      NOTCH_REQUIRE(health().attached == 1);
      NOTCH_REQUIRE(address_space_kib() - before <= mib * 1024 / 8);
      const std::uint64_t room = (mib << 10) - before - mib * 1024 / 8;
      for (std::uint64_t stack = 0; (stack + 1) * 8300 < room; ++stack) {
        pthread_t thread{};
        const auto wait = [](void*) -> void* { return pause(), nullptr; };
        require(pthread_create(&thread, nullptr, wait, nullptr) == 0, "a thread more");
      }
    });
    EXPECT_EQ(ending.status, "exit 0") << mib << " MiB: " << ending.output;
  }
}

// Each process of a line of forked children counts, and has no more than the fourth had.
void fork_in_line(int generations, std::uint64_t of_the_fourth_kib) {
  counter({.name = "test_total", .help = "T."}).add();
  if (generations == 36) of_the_fourth_kib = address_space_kib();
  if (generations < 36) NOTCH_REQUIRE(address_space_kib() <= of_the_fourth_kib + 1024);
  if (generations == 0) return;
  const pid_t child = start_child([&] { fork_in_line(generations - 1, of_the_fourth_kib); });
  NOTCH_REQUIRE(wait_for(child) == "exit 0");
}

TEST_F(AddressSpace, DoesNotGrowFromForkToFork) {
  expect_quiet_success([] { fork_in_line(40, 0); });
  EXPECT_EQ(segments().size(), 41U);
}

TEST_F(AddressSpace, NorWithoutADirectory) {
  expect_quiet_success([&] {
    setenv("NOTCH_DIR", (directory() + "/none").c_str(), 1);
    fork_in_line(40, 0);
  });
}

struct Taken {
  std::uint64_t own_kib = 0;
  std::uint64_t address_space_kib = 0;
};

// Of its parent's segment a child keeps what its parent could write to, in two generations.
void fork_in_line_and_count(int generations, Taken by_the_first) {
  counter({.name = "test_total", .help = "T."}).add();
  const Taken now{own_kib(), address_space_kib()};
  if (by_the_first.own_kib == 0) by_the_first = now;
  NOTCH_REQUIRE(now.own_kib <= by_the_first.own_kib + 256);
  NOTCH_REQUIRE(now.address_space_kib <= by_the_first.address_space_kib + 256);
  if (generations == 0) return;
  const pid_t child = start_child([&] { fork_in_line_and_count(generations - 1, by_the_first); });
  NOTCH_REQUIRE(wait_for(child) == "exit 0");
}

TEST_F(AddressSpace, OfAForkedChildIsChargedForWhatItsParentUsed) {
  expect_quiet_success([] { fork_in_line_and_count(10, {}); });
  EXPECT_EQ(segments().size(), 11U);
  EXPECT_EQ(count("test_total"), 11U);
}

TEST_F(AddressSpace, OfALimitOfDataIsEnoughForForksInALine) {
  expect_quiet_success([] {
    const rlimit limit{16 << 20, 16 << 20};
    NOTCH_REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
    fork_in_line_and_count(10, {});
  });
  EXPECT_EQ(segments().size(), 11U);
}

}  // namespace
}  // namespace notch::test
