/* The smallest C program of another project: it registers one counter and adds to it. */
#include <notch.h>
#include <stdio.h>

int main(void) {
  const notch_metric metric = {.name = "outside_started_total",
                               .help = "Times this program began."};
  notch_error error;
  const uint32_t family = notch_counter_family(&metric, &error);
  if (family == 0) {
    fputs("the definition was refused\n", stderr);
    return 1;
  }
  const notch_counter started = notch_counter_with(family, NULL);
  notch_counter_add(started, 1);
  return started.offset != 0 ? 0 : 1;
}
