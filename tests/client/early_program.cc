// Counts through null handles in a constructor that runs before the library's own, where it is
// linked statically: what an add writes then must not hit the thread's own header.
// Called by: ctest, once with each library. Exit: 0 if the header is as it was.
#include <cstdint>

#include "notch/registry.h"

namespace {

bool unharmed = false;

// The word behind the thread pointer, where libc keeps its table of TLS blocks.
std::uintptr_t tls_table() {
  std::uintptr_t table = 0;
#if defined(__x86_64__)
  asm volatile("movq %%fs:8, %0" : "=r"(table));
#endif
  return table;
}

[[gnu::constructor(101)]] void count_early() {
  const std::uintptr_t before = tls_table();
  notch::Counter().add();
  const std::uintptr_t after_one = tls_table();
  notch::FloatCounter().add(0.5);
  notch::Gauge().set(1);
  unharmed = before == after_one && before == tls_table();
}

}  // namespace

int main() {
  auto total = notch::counter({.name = "test_early_total", .help = "E."});
  total.add();
  return unharmed ? 0 : 1;
}
