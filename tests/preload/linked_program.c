/* A program that is linked with libnotch.so and runs under the preloaded library as well.
 * Called by: sharing_test.py. */
#include <fcntl.h>
#include <unistd.h>

#include "notch.h"

int main(void) {
  const int sink = open("/dev/null", O_WRONLY);
  notch_definition definition = {0};
  definition.name.data = "linked_rounds_total";
  definition.name.size = 19;
  definition.help.data = "Rounds.";
  definition.help.size = 7;
  definition.type = NOTCH_COUNTER;
  definition.number = NOTCH_UNSIGNED;
  const uint32_t family = notch_v1_define(&definition, 0);
  const notch_series rounds = notch_v1_series(family, 0, 0);
  for (int i = 0; i < 40; ++i) {
    notch_v1_add_integer(rounds.offset, 1);
    if (write(sink, "ab", 2) != 2) return 1;
  }
  return 0;
}
