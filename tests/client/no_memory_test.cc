// No address space for the client from the first definition on: it counts nothing, and the
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
  expect_quiet_success([] {
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_AS, &limit);
    count_without_memory();
  });
#endif
}

}  // namespace
}  // namespace notch::test
