/* A program that knows nothing of Notch says what the kernel charges it with.
 * Called by: memory_test.py, as memory_program WAY [NUMBER].
 *
 *   figures        VmSize and VmData in KiB, of itself and of three forked children in a line, each
 *                  of which writes to a pipe first
 *   lock N         locks all its memory, and says how much that is; then what is to come as well, and
 *                  makes N exchanges
 *   blocks         under RLIMIT_DATA of 16 MiB: how many blocks of 1 MiB there are
 *   forks          under RLIMIT_DATA of 16 MiB: how many forks in a line succeed, 20 at most
 *   connections N  N connections to itself, an exchange of HTTP on each: VmData before and after
 *   caged N        the same behind a filter that kills for whatever asks for memory
 *   churn N        N exchanges, each on a connection that is closed before the next */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char* what) {
  perror(what);
  _exit(9);
}

static long status_kib(const char* name) {
  FILE* const file = fopen("/proc/self/status", "r");
  char line[256];
  long value = -1;
  if (file == NULL) fail("/proc/self/status");
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0) value = atol(line + strlen(name));
  }
  fclose(file);
  return value;
}

static void print_figures(void) {
  const long size = status_kib("VmSize:"), data = status_kib("VmData:");
  printf("%ld %ld\n", size, data);
  fflush(stdout);
}

static void write_to_pipe(void) {
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1) fail("pipe");
  close(ends[0]);
  close(ends[1]);
}

/* Each child writes, and forks the next. */
static int forks_in_line(int most, void (*then)(void)) {
  if (most == 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    write_to_pipe();
    then();
    _exit(forks_in_line(most - 1, then) + 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 0;
  return WEXITSTATUS(status);
}

static void nothing(void) {}

static void limit_data(void) {
  const struct rlimit limit = {16 << 20, 16 << 20};
  if (setrlimit(RLIMIT_DATA, &limit) != 0) fail("setrlimit");
}

static int blocks(void) {
  int count = 0;
  while (malloc(1 << 20) != NULL) ++count;
  return count;
}

static int listening;
static struct sockaddr_in address;

static void listen_here(void) {
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listening = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listening, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listening, 8) != 0 || getsockname(listening, (struct sockaddr*)&address, &size) != 0)
    fail("listen");
}

static void move(int from, int to, const char* text) {
  char buffer[256];
  const ssize_t size = (ssize_t)strlen(text);
  if (send(from, text, (size_t)size, 0) != size || recv(to, buffer, sizeof buffer, 0) != size)
    fail("exchange");
}

/* One exchange; gives both ends. */
static void exchange(int ends[2]) {
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (ends[0] < 0 || connect(ends[0], (struct sockaddr*)&address, sizeof address) != 0)
    fail("connect");
  ends[1] = accept(listening, NULL, NULL);
  if (ends[1] < 0) fail("accept");
  move(ends[0], ends[1], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  move(ends[1], ends[0], "HTTP/1.1 204 No Content\r\n\r\n");
}

static void exchanges(int count) {
  int ends[2];
  for (int i = 0; i < count; ++i) exchange(ends);
}

#define KILL(number)                                             \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(number), 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static void forbid_memory(void) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      KILL(SYS_mmap),
      KILL(SYS_mprotect),
      KILL(SYS_munmap),
      KILL(SYS_brk),
      KILL(SYS_prlimit64),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    fail("filter");
}

int main(int count, char** arguments) {
  const char* const way = count > 1 ? arguments[1] : "";
  const int number = count > 2 ? atoi(arguments[2]) : 0;
  listen_here();
  if (strcmp(way, "figures") == 0) {
    print_figures();
    return forks_in_line(3, print_figures) == 3 ? 0 : 1;
  }
  if (strcmp(way, "lock") == 0) {
    if (mlockall(MCL_CURRENT) != 0) fail("mlockall");
    printf("%ld\n", status_kib("VmLck:"));
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) fail("mlockall");
    exchanges(number);
  } else if (strcmp(way, "blocks") == 0) {
    limit_data();
    printf("%d\n", blocks());
  } else if (strcmp(way, "forks") == 0) {
    limit_data();
    printf("%d\n", forks_in_line(20, nothing));
  } else if (strcmp(way, "connections") == 0) {
    const long before = status_kib("VmData:");
    exchanges(number);
    printf("%ld\n", status_kib("VmData:") - before);
  } else if (strcmp(way, "caged") == 0) {
    forbid_memory();
    exchanges(number);
  } else if (strcmp(way, "churn") == 0) {
    const long before = status_kib("VmData:");
    for (int i = 0; i < number; ++i) {
      int ends[2];
      exchange(ends);
      close(ends[0]);
      close(ends[1]);
    }
    printf("%ld\n", status_kib("VmData:") - before);
  } else {
    return 2;
  }
  fflush(stdout);
  _exit(0);
}
