/* What a program under the preloaded library expects of libc: if it is not so it ends at once, with
 * 1 and the line's number. Included by: lock_program.c, malloc_program.c.
 */
#ifndef NOTCH_TESTS_PRELOAD_CHECK_H
#define NOTCH_TESTS_PRELOAD_CHECK_H

#include <stdio.h>
#include <unistd.h>

#define CHECK(condition)                 \
  do {                                   \
    if (!(condition)) {                  \
      dprintf(2, "line %d\n", __LINE__); \
      _exit(1);                          \
    }                                    \
  } while (0)

#endif
