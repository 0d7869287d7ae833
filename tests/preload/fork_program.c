/* Forks in each way there is; what the child does is the second word.
 * Called by: fork_test.py, as fork_program WAY DEED.
 *
 *   WAY   fork, clone (the bare system call), vfork, spawn;
 *         vfork-vfork: a vfork whose child does the same before it does its deed;
 *         vfork-fork: a vfork, and then a fork whose child opens a pipe of its own and writes 3
 *         bytes; vfork-inner-fork: it is the vfork's child that forks so, before its deed
 *   DEED  exec: closes, copies descriptors, runs /bin/true; write: writes 10 bytes to a pipe */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static int ends[2];
static char* const bare[] = {"NOTCH_DISABLED=1", NULL};
static char* const command[] = {"/bin/true", NULL};

static void do_deed(const char* deed) {
  if (strcmp(deed, "write") == 0) {
    for (int i = 0; i < 10; ++i) {
      if (write(ends[1], "x", 1) != 1) _exit(3);
    }
    _exit(0);
  }
  dup2(ends[1], 9);
  close(ends[0]);
  close(ends[1]);
  close(9);
  execve(command[0], command, bare);
  _exit(4);
}

static int ended_well(pid_t child) {
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

/* 0: a forked child wrote 3 bytes to a pipe of its own. */
static int write_from_fork(void) {
  const pid_t child = fork();
  int own[2];
  if (child == 0) _exit(pipe(own) == 0 && write(own[1], "abc", 3) == 3 ? 0 : 3);
  return ended_well(child) ? 0 : 5;
}

/* What a vfork's child does first. */
static int begin_child(const char* way, const char* deed) {
  if (strcmp(way, "vfork-inner-fork") == 0) return write_from_fork();
  if (strcmp(way, "vfork-vfork") != 0) return 0;
  const pid_t child = vfork();
  if (child == 0) do_deed(deed);
  return ended_well(child) ? 0 : 5;
}

/* Out of main(): vfork may clobber what its caller has in registers. */
__attribute__((noinline)) static int try_way(const char* way, const char* deed) {
  pid_t child = -1;
  if (strcmp(way, "fork") == 0) {
    child = fork();
    if (child == 0) do_deed(deed);
  } else if (strcmp(way, "clone") == 0) {
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) do_deed(deed);
  } else if (strncmp(way, "vfork", 5) == 0) {
    child = vfork();
    if (child == 0) {
      if (begin_child(way, deed) != 0) _exit(5);
      do_deed(deed);
    }
  } else if (posix_spawn(&child, command[0], NULL, NULL, command, bare) != 0) {
    return 2;
  }
  if (!ended_well(child)) return 5;
  if (strcmp(way, "vfork-fork") == 0 && write_from_fork() != 0) return 5;
  return write(ends[1], "yz", 2) == 2 ? 0 : 6;
}

int main(int count, char** arguments) {
  if (count != 3 || pipe(ends) != 0) return 2;
  return try_way(arguments[1], arguments[2]);
}
