/* Counts jobs and times them, in plain C: the same program as jobs.cc. */
#include <math.h>
#include <notch.h>
#include <stdio.h>
#include <time.h>

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void) {
  const notch_metric jobs_metric = {.name = "jobs_done_total", .help = "Jobs done."};
  const notch_metric seconds_metric = {.name = "jobs_duration_seconds", .help = "Time of a job."};
  const double bounds[] = {0.00001, 0.0001, 0.001, 0.01};
  notch_error error;
  const notch_counter jobs = notch_counter_with(notch_counter_family(&jobs_metric, &error), NULL);
  if (error.code != NOTCH_OK) fprintf(stderr, "%s\n", error.message);
  const notch_histogram seconds =
      notch_histogram_with(notch_histogram_family(&seconds_metric, bounds, 4, NULL), NULL);
  double sum = 0;
  for (int job = 1; job <= 1000; ++job) {
    const double begun = now_seconds();
    for (int i = 1; i <= 100 * job; ++i) sum += sqrt(i);
    notch_histogram_observe(seconds, now_seconds() - begun);
    notch_counter_add(jobs, 1);
  }
  printf("1000 jobs done, %.0f\n", sum);
  return 0;
}
