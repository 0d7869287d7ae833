/* errno after a wrapped call is what the call made of it: untouched by success, its own by failure,
 * also in a forked child whose first count makes a segment, and in a signal handler.
 * Called by: conduct_test.py. Exits 0, or says which line is wrong. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int sink;
static volatile sig_atomic_t in_handler;

#define EXPECT(condition)                                      \
  do {                                                         \
    if (!(condition)) {                                        \
      fprintf(stderr, "line %d: errno %d\n", __LINE__, errno); \
      _exit(1);                                                \
    }                                                          \
  } while (0)

static void check(void) {
  char byte = 'x';
  for (int i = 0; i < 100; ++i) {
    errno = 4711;
    EXPECT(write(sink, &byte, 1) == 1 && errno == 4711);
    EXPECT(read(-1, &byte, 1) == -1 && errno == EBADF);
    errno = 4711;
    EXPECT(close(-1) == -1 && errno == EBADF);
    EXPECT(open("/nowhere/at/all", O_RDONLY) == -1 && errno == ENOENT);
    errno = 4711;
    const int copy = dup(sink);
    EXPECT(copy >= 0 && errno == 4711 && close(copy) == 0 && errno == 4711);
  }
}

static void handler(int number) {
  (void)number;
  const int before = errno;
  char byte = 'y';
  if (write(sink, &byte, 1) == 1) ++in_handler;
  errno = before;
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const int writes = 20000;
  sink = open("/dev/null", O_WRONLY);
  check();
  const pid_t child = fork();
  if (child == 0) {
    check();
    _exit(0);
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
  signal(SIGALRM, handler);
  const struct itimerval often = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < writes; ++i) {
    errno = 4711;
    EXPECT(write(sink, "z", 1) == 1 && errno == 4711);
  }
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  /* How many writes there were, for the test to compare. */
  FILE* const file = fopen(arguments[1], "w");
  fprintf(file, "%d\n", 200 + writes + (int)in_handler);
  return fclose(file);
}
