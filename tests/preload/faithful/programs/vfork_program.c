/* Children that share their parent's memory, and children of raw clone, do what a shell's do before
 * exec, while the parent's other threads go on reading and writing. Called by: odd_starts_test.py,
 * as vfork_program ROUNDS. Prints how many bytes each side saw; none may be missing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static int busy[2];
static long written, taken;

static void* write_busily(void* rounds) {
  for (long i = 0; i < *(long*)rounds; ++i) written += write(busy[1], "0123456789", 10);
  close(busy[1]);
  return NULL;
}

static void* read_busily(void* unused) {
  char buffer[64];
  for (long got; (got = read(busy[0], buffer, sizeof buffer)) > 0;) taken += got;
  return unused;
}

static int ended(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* As a shell before exec; ends without one. */
static void plumb_and_end(int in, int out, int status) {
  char byte;
  if (read(in, &byte, 1) == 1 && dup2(out, 9) == 9 && write(9, &byte, 1) == 1) {
    close(9);
    _exit(status);
  }
  _exit(99);
}

static int one_round(long round) {
  int there[2], back[2], statuses = 0;
  char byte = (char)('a' + round % 26), answer = 0;
  if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0 || write(there[1], "xyz", 3) != 3)
    return -1;
  volatile pid_t child = vfork();
  if (child == 0) plumb_and_end(there[0], back[1], 11);
  statuses += ended(child);
  child = vfork();
  if (child == 0) {
    execl("/no/such/program", "program", (char*)NULL);
    _exit(errno == ENOENT ? 12 : 98);
  }
  statuses += ended(child);
  child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) plumb_and_end(there[0], back[1], 13);
  statuses += ended(child);
  char* const arguments[] = {"sh", "-c", "exit 14", NULL};
  pid_t spawned;
  if (posix_spawnp(&spawned, "sh", NULL, NULL, arguments, environ) != 0) return -1;
  statuses += ended(spawned);
  if (write(back[1], &byte, 1) != 1 || read(back[0], &answer, 1) != 1 || answer != 'x') return -1;
  if (read(back[0], &answer, 1) != 1 || answer != 'y' || read(back[0], &answer, 1) != 1 ||
      answer != byte)
    return -1;
  for (int i = 0; i < 2; ++i) {
    close(there[i]);
    close(back[i]);
  }
  return statuses;
}

int main(int count, char** arguments) {
  if (count != 2 || pipe(busy) != 0) return 2;
  const long rounds = atol(arguments[1]);
  long busy_rounds = rounds * 100;
  pthread_t writer, reader;
  pthread_create(&writer, NULL, write_busily, &busy_rounds);
  pthread_create(&reader, NULL, read_busily, NULL);
  long statuses = 0;
  for (long i = 0; i < rounds; ++i) statuses += one_round(i);
  pthread_join(writer, NULL);
  pthread_join(reader, NULL);
  printf("%ld written, %ld read, statuses %ld\n", written, taken, statuses);
  return written == taken ? 0 : 3;
}
