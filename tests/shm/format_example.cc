// The program whose segment shm/FORMAT.md shows byte by byte. Called by: format_example_test.py.
#include "notch/registry.h"

int main() {
  auto requests = notch::counter_family({"requests_total", "Requests served.", {"code"}});
  requests.with("200").add(42);
  auto seconds = notch::histogram({"wait_seconds", "Time spent waiting."}, {0.1});
  seconds.observe(0.0625);
  seconds.observe(2);
}
