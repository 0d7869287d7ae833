// A program that counts by itself: argv[1] to test_program_total, and exits in order.
// Called by: the tests of exec, posix_spawn and RLIMIT_AS.
#include <cstdlib>

#include "notch/health.h"
#include "notch/registry.h"

int main(int argc, char** argv) {
  auto total = notch::counter({.name = "test_program_total", .help = "Counted by a program."});
  if (argc > 1) total.add(std::strtoul(argv[1], nullptr, 10));
  auto seconds = notch::histogram({.name = "test_program_seconds", .help = "Seconds."},
                                  notch::Buckets::latency_seconds());
  seconds.observe(0.5);
  return 0;
}
