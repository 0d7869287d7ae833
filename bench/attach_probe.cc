// The smallest program there is to attach: it counts once and ends. Built three times: without
// Notch, with its shared, with its static library. Run by: attach_bench.
#include <cstdlib>

#ifdef NOTCH_BENCH_LIBRARY
#include "notch/health.h"
#include "notch/registry.h"
#else
#include <string>
#endif

int main(int argc, char** argv) {
#ifdef NOTCH_BENCH_LIBRARY
  notch::counter({"probe_starts_total", "Starts."}).add();
  // With an argument: says whether the attaching that is measured takes place.
  if (argc > 1) return notch::health().attached != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
#else
  // The same C++ runtime is loaded and started.
  if (argc > 1 && std::string(argv[1]) != "check") return EXIT_FAILURE;
#endif
  return argv[0] != nullptr ? EXIT_SUCCESS : EXIT_FAILURE;
}
