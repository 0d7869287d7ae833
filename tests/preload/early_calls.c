/* A library whose constructor calls wrapped functions, before or after the preloaded library's.
 * Called by: company_test.py, in LD_PRELOAD. It says what it saw on the descriptor EARLY_CALLS_FD.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void* write_there(void* fd) {
  return (void*)(size_t)(write(*(int*)fd, "thread\n", 7) == 7);
}

__attribute__((constructor)) static void call(void) {
  const char* const word = getenv("EARLY_CALLS_FD");
  int fd = word != NULL ? atoi(word) : -1;
  char byte = 0;
  const int zero = open("/dev/zero", O_RDONLY);
  if (fd < 0 || zero < 0 || read(zero, &byte, 1) != 1 || close(zero) != 0) _exit(9);
  pthread_t thread;
  void* done = NULL;
  if (pthread_create(&thread, NULL, write_there, &fd) != 0) _exit(9);
  pthread_join(thread, &done);
  if (done == NULL || write(fd, "early\n", 6) != 6) _exit(9);
}
