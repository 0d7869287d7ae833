// Counts jobs and times them: a whole program.
#include <cmath>
#include <cstdio>

#include "notch/registry.h"
#include "notch/timer.h"

int main() {
  auto jobs = notch::counter({"jobs_done_total", "Jobs done."});
  auto seconds =
      notch::histogram({"jobs_duration_seconds", "Time of a job."}, {0.00001, 0.0001, 0.001, 0.01});
  double sum = 0;
  for (int job = 1; job <= 1000; ++job) {
    notch::Timer timer(seconds);
    for (int i = 1; i <= 100 * job; ++i) sum += std::sqrt(i);
    jobs.add();
  }
  std::printf("1000 jobs done, %.0f\n", sum);
}
