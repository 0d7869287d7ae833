// No address space for the client from the program's very start: it counts nothing, and the
// program's own thread-local storage stays as it was.
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

class NoMemory : public SegmentDirectory {};

// The word behind the thread pointer, where libc keeps its table of TLS blocks.
std::uintptr_t tls_table() {
  std::uintptr_t table = 0;
#if defined(__x86_64__)
  asm volatile("movq %%fs:8, %0" : "=r"(table));
#endif
  return table;
}

// What the child of `ExecutedAgain` runs.
[[maybe_unused]] void count_without_memory() {
  const std::uintptr_t before = tls_table();
  Counter counted = counter({.name = "test_whole_total", .help = "W."});
  NOTCH_REQUIRE(!counted);
  for (int i = 0; i < 100; ++i) counted.add();
  Gauge level = gauge({.name = "test_level", .help = "L."});
  level.set(1);
  FloatCounter real = float_counter({.name = "test_real_total", .help = "R."});
  real.add(0.5);
  NOTCH_REQUIRE(tls_table() == before);
}

TEST_F(NoMemory, LeavesTheProgramsThreadStorageAlone) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need the address space";
#else
  if (getenv("NOTCH_TEST_COUNTS") != nullptr) return count_without_memory();
  bool refused = false;
  // Little enough for the loader to succeed and the client to fail; where that is depends on the
  // machine's libraries, so a range is tried.
  for (rlim_t mib = 12; mib <= 64; mib += 4) {
    const Ending ending = run_child([mib] {
      setenv("NOTCH_TEST_COUNTS", "1", 1);
      const rlimit limit{mib << 20, mib << 20};
      setrlimit(RLIMIT_AS, &limit);
      execl("/proc/self/exe", "no_memory_test", "--gtest_brief=1", static_cast<char*>(nullptr));
    });
    EXPECT_EQ(ending.status.find("signal"), std::string::npos)
        << mib << " MiB: " << ending.status << " " << ending.output;
    refused = refused || ending.status == "exit 0";
  }
  EXPECT_TRUE(refused) << "the range holds a limit under which the program ran without the client";
#endif
}

}  // namespace
}  // namespace notch::test
