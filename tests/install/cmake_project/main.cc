// The smallest C++ program of another project: it registers one counter and adds to it.
#include <notch/counter.h>
#include <notch/registry.h>

int main() {
  notch::Counter started =
      notch::counter({.name = "outside_started_total", .help = "Times this program began."});
  started.add();
  return started ? 0 : 1;
}
