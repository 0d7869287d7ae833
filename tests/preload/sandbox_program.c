/* A program that knows nothing of Notch enters a sandbox and goes on reading and writing a pipe.
 * Called by: sandbox_test.py, as sandbox_program WAY ROUNDS.
 *
 *   prctl    a filter that lets read, write and exit_group through and kills for all else
 *   syscall  the same, installed by syscall(SYS_seccomp, ...)
 *   strict   SECCOMP_MODE_STRICT, which forbids the time stamp counter as well
 *   counter  PR_SET_TSC alone, without a filter
 *   child    a forked child that has not read or written yet installs the filter
 *   orphan   a child forked behind a filter that lets fork through as well */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];

static void read_and_write(int rounds) {
  char byte = 'x';
  for (int i = 0; i < rounds; ++i) {
    if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) _exit(3);
  }
}

#define LET(number)                                              \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(number), 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void filter(int by_system_call, int let_fork) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      LET(SYS_read),
      LET(SYS_write),
      LET(SYS_exit_group),
      LET(let_fork ? SYS_clone : SYS_read),
      LET(let_fork ? SYS_wait4 : SYS_read),
      LET(let_fork ? SYS_set_robust_list : SYS_read),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(4);
  const long done = by_system_call ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                                   : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  if (done != 0) _exit(5);
}

static int status_of(pid_t child) {
  int status = 0;
  if (child < 0 || wait4(child, &status, 0, NULL) != child) return 6;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 7;
}

int main(int count, char** arguments) {
  if (count != 3 || pipe(ends) != 0) return 2;
  const char* const way = arguments[1];
  const int rounds = atoi(arguments[2]);
  if (strcmp(way, "prctl") == 0) filter(0, 0);
  if (strcmp(way, "syscall") == 0) filter(1, 0);
  if (strcmp(way, "strict") == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 5;
    read_and_write(rounds);
    syscall(SYS_exit, 0);
  }
  if (strcmp(way, "counter") == 0 && prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) return 5;
  if (strcmp(way, "child") == 0) {
    const pid_t child = fork();
    if (child != 0) return status_of(child);
    filter(0, 0);
  }
  if (strcmp(way, "orphan") == 0) {
    filter(0, 1);
    const pid_t child = fork();
    if (child == 0) {
      read_and_write(rounds);
      _exit(0);
    }
    if (status_of(child) != 0) return 8;
  }
  read_and_write(rounds);
  return 0;
}
