/* A program that knows nothing of Notch enters a sandbox and goes on reading and writing a pipe.
 * Called by: sandbox_test.py, as sandbox_program WAY ROUNDS.
 *
 *   prctl    a filter that lets read, write and exit_group through and kills for all else
 *   syscall  the same, installed by syscall(SYS_seccomp, ...)
 *   strict   SECCOMP_MODE_STRICT, which forbids the time stamp counter as well
 *   counter  PR_SET_TSC alone, without a filter
 *   child    a forked child that has not read or written yet installs the filter
 *   orphan   a child forked behind a filter that lets fork through as well
 *   demoted  the same, and the child sets its user, which the filter lets through, before it counts
 *   root     a forked child takes another root by chroot, then counts
 *   raw      the same by syscall(SYS_chroot, ...)
 *   mounts   a forked child unshares its mounts and covers DIRECTORY, a fourth argument
 *   user     a forked child becomes nobody by setuid, then counts
 *   heirs    a child forked behind a chroot counts, and so does one forked by that child
 *   heir     as heirs with one child, which ends without closing a connection and by a kill
 *   ruleset  a child forked behind a Landlock ruleset that forbids to make files
 *   changes  becomes nobody and root again ROUNDS times, by each function in turn
 *   idle     the same of a forked child that has counted nothing before
 *   returned becomes nobody and root again, then a child forked behind that counts */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
      LET(let_fork ? SYS_rt_sigprocmask : SYS_read),  // since glibc 2.41
      LET(let_fork ? SYS_setuid : SYS_read),
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

// No directory of segments is below that.
static int new_root(int by_system_call) {
  return by_system_call ? (int)syscall(SYS_chroot, "/proc") : chroot("/proc");
}

static int new_ruleset(void) {
  const struct landlock_ruleset_attr forbidden = {
      .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE};
  const long fd = syscall(SYS_landlock_create_ruleset, &forbidden, sizeof forbidden, 0);
  if (fd < 0) return 77;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  const long done = syscall(SYS_landlock_restrict_self, fd, 0);
  close((int)fd);
  return (int)done;
}

static void change_users(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    for (int nobody = 1; nobody >= 0; --nobody) {
      const uid_t user = nobody ? 65534 : 0;
      if (seteuid(user) != 0) _exit(13);
    }
    for (int nobody = 1; nobody >= 0; --nobody) {
      const uid_t user = nobody ? 65534 : 0;
      if (setreuid(user, 0) != 0 || setresuid(user, 0, 0) != 0) _exit(14);
      setfsuid(user);
    }
  }
}

// What a child does before it counts.
static int leave_directory(const char* way, const char* directory) {
  if (strcmp(way, "root") == 0) return new_root(0);
  if (strcmp(way, "raw") == 0) return new_root(1);
  if (strcmp(way, "user") == 0) return setuid(65534);
  if (strcmp(way, "mounts") != 0) return 0;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return -1;
  return mount("none", directory, "tmpfs", 0, NULL);
}

// A child that counts; with `deep`, after a child of its own has.
static int heir(int rounds, int deep, int kills) {
  const pid_t child = fork();
  if (child != 0) return status_of(child);
  if (deep && heir(rounds, 0, kills) != 0) _exit(9);
  if (kills) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof place;
    if (bind(listener, (struct sockaddr*)&place, size) != 0 || listen(listener, 1) != 0) _exit(10);
    getsockname(listener, (struct sockaddr*)&place, &size);
    if (connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr*)&place, size) != 0) _exit(11);
  }
  read_and_write(rounds);
  _exit(0);
}

int main(int count, char** arguments) {
  if (count < 3 || pipe(ends) != 0) return 2;
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
  if (strcmp(way, "orphan") == 0 || strcmp(way, "demoted") == 0) {
    const uid_t user = getuid();
    filter(0, 1);
    const pid_t child = fork();
    if (child == 0) {
      if (strcmp(way, "demoted") == 0 && setuid(user) != 0) _exit(12);
      read_and_write(rounds);
      _exit(0);
    }
    if (status_of(child) != 0) return 8;
  }
  if (strcmp(way, "heirs") == 0 || strcmp(way, "heir") == 0) {
    const int deep = strcmp(way, "heirs") == 0;
    if (new_root(0) != 0 || heir(rounds, deep, !deep) != 0) return 8;
  }
  if (strcmp(way, "ruleset") == 0) {
    const int refused = new_ruleset();
    if (refused != 0) return refused;
    if (heir(rounds, 0, 0) != 0) return 8;
  }
  if (strcmp(way, "changes") == 0) change_users(rounds);
  if (strcmp(way, "idle") == 0) {
    const pid_t child = fork();
    if (child != 0) return status_of(child);
    change_users(rounds);
  }
  if (strcmp(way, "returned") == 0) {
    change_users(1);
    if (heir(rounds, 0, 0) != 0) return 8;
  }
  if (count == 4) {
    const pid_t child = fork();
    if (child != 0) return status_of(child);
    if (leave_directory(way, arguments[3]) != 0) return 5;
  }
  read_and_write(rounds);
  return 0;
}
