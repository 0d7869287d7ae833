/* One call of libc over and over, as an unmodified program makes it: says, for each batch, its
 * nanoseconds of CPU time a call. Nothing of Notch is in it.
 * Run by: preload_call_bench, with and without the preloaded library.
 *
 * Usage: preload_call_probe malloc_free|lock_unlock|lock_unlock_with_a_thread|read|write BATCHES
 * CALLS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double cpu_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int zero, null;

static void malloc_free(long calls) {
  for (long i = 0; i < calls; ++i) {
    void* volatile block = malloc(100);
    free(block);
  }
}

static void lock_unlock(long calls) {
  for (long i = 0; i < calls; ++i) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  }
}

static void read_byte(long calls) {
  char byte;
  for (long i = 0; i < calls; ++i) {
    if (read(zero, &byte, 1) != 1) exit(1);
  }
}

static void write_byte(long calls) {
  for (long i = 0; i < calls; ++i) {
    if (write(null, "x", 1) != 1) exit(1);
  }
}

static void* sleep_for_ever(void* unused) {
  pause();
  return unused;
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(long calls);
  } kOperations[] = {{"malloc_free", malloc_free},
                     {"lock_unlock", lock_unlock},
                     {"lock_unlock_with_a_thread", lock_unlock},
                     {"read", read_byte},
                     {"write", write_byte}};
  zero = open("/dev/zero", O_RDONLY);
  null = open("/dev/null", O_WRONLY);
  pthread_t thread;
  for (size_t i = 0; argc == 4 && i < sizeof(kOperations) / sizeof(*kOperations); ++i) {
    if (strcmp(argv[1], kOperations[i].name) != 0) continue;
    if (strstr(argv[1], "with_a_thread") != NULL &&
        pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0)
      return 1;
    const long calls = atol(argv[3]);
    kOperations[i].run(calls);
    for (long batch = atol(argv[2]); batch > 0; --batch) {
      const double start = cpu_ns();
      kOperations[i].run(calls);
      printf("%.4f\n", (cpu_ns() - start) / (double)calls);
    }
    return 0;
  }
  return 2;
}
