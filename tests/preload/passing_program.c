// A server whose connections come to the process that answers by ways other than accept(): WAY says which.
// Called by: http_arrivals_test.py, as passing_program WAY PORT COUNT. Each connection is served until the client ends it; one
// process accepts (COUNT of them), and, but for the ways that say otherwise, a child of it that never accepts answers.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMostNumbers = 253 };
static const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static char** arguments;

static void check(int is_right, const char* what) {
  if (is_right) return;
  perror(what);
  _exit(1);
}

static int says(const char* way) {
  return strcmp(arguments[1], way) == 0;
}

// One request; 0 if the client has ended.
static int read_request(int fd) {
  char said[4096];
  size_t size = 0;
  while (size < sizeof said) {
    const ssize_t more = read(fd, said + size, says("bytewise") ? 1 : sizeof said - size);
    if (more <= 0) return 0;
    size += (size_t)more;
    if (size >= 4 && memcmp(said + size - 4, "\r\n\r\n", 4) == 0) return 1;
  }
  return 0;
}

static void answer(int fd) {
  check(write(fd, kAnswer, sizeof kAnswer - 1) == sizeof kAnswer - 1, "write");
}

static void serve(int in, int out) {
  while (read_request(in)) answer(out);
  close(in);
  if (out != in) close(out);
}

static int listen_on(int port) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((unsigned short)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  check(bind(listener, (const struct sockaddr*)&address, sizeof address) == 0, "bind");
  check(listen(listener, 100) == 0, "listen");
  return listener;
}

static void send_numbers(int to, const int* numbers, int count) {
  char byte = 'x';
  struct iovec part = {&byte, 1};
  char control[CMSG_SPACE(kMostNumbers * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = CMSG_SPACE((unsigned)count * sizeof(int));
  struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN((unsigned)count * sizeof(int));
  memcpy(CMSG_DATA(header), numbers, (unsigned)count * sizeof(int));
  check(sendmsg(to, &message, 0) == 1, "sendmsg");
}

static ssize_t receive(int from, struct msghdr* message, int flags) {
  if (says("raw")) return syscall(SYS_recvmsg, from, message, flags);
  if (!says("mmsg")) return recvmsg(from, message, flags);
  struct mmsghdr several = {*message, 0};
  const int done = recvmmsg(from, &several, 1, flags, NULL);
  *message = several.msg_hdr;
  return done;
}

// The descriptors of one message, with room for `most`. Returns how many, 0 at the end.
static int receive_numbers(int from, int* numbers, int most, int flags) {
  char byte;
  struct iovec part = {&byte, 1};
  char control[CMSG_SPACE(kMostNumbers * sizeof(int))];
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = CMSG_LEN((unsigned)most * sizeof(int));
  if (receive(from, &message, flags) != 1) return 0;
  const int is_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  check(is_cut == says("truncated"), "MSG_CTRUNC");
  struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
  check(header != NULL && header->cmsg_type == SCM_RIGHTS, "SCM_RIGHTS");
  const int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  memcpy(numbers, CMSG_DATA(header), (unsigned)count * sizeof(int));
  return count;
}

// Between a request and its answer a child that shares this process's memory, and has descriptors of its own, is given another
// connection under the same number.
static void answer_around_vfork(int from, int fd) {
  int numbers[kMostNumbers];
  if (!read_request(fd)) return;
  const pid_t child = vfork();
  if (child == 0) {
    close(fd);
    _exit(receive_numbers(from, numbers, 1, 0) == 1 && numbers[0] == fd ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  check(status == 0, "the child's number");
  answer(fd);
}

// Past the library, which would otherwise know that a filter is set.
static int set_filter_unseen(const struct sock_fprog* filter) {
#if defined(__x86_64__)
  long result = SYS_seccomp;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(SECCOMP_SET_MODE_FILTER), "S"(0), "d"(filter)
                   : "rcx", "r11", "memory");
  return (int)result;
#else
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0);
#endif
}

// Whoever asks for the type of a socket, or for its peer, is killed.
static void forbid_questions(void) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpeername, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
  const int result = says("unseen_sandbox")
                         ? set_filter_unseen(&filter)
                         : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
  check(result == 0, "a filter");
}

static void receive_and_serve(int from) {
  int numbers[kMostNumbers];
  if (says("sandbox") || says("unseen_sandbox")) forbid_questions();
  if (says("listener")) {
    check(receive_numbers(from, numbers, 1, 0) == 1, "the listener");
    for (int i = atoi(arguments[3]); i > 0; --i) {
      const int fd = accept(numbers[0], NULL, NULL);
      serve(fd, fd);
    }
    return;
  }
  for (;;) {
    const int peeked = says("peek") ? receive_numbers(from, numbers, 1, MSG_PEEK) : 0;
    for (int i = 0; i < peeked; ++i) close(numbers[i]);
    const int most = says("many") ? kMostNumbers : 1;
    const int count = receive_numbers(from, numbers, most, 0);
    if (count == 0) return;
    if (says("answer_of_another")) answer(numbers[0]);
    if (says("closed_at_once")) close(numbers[0]);
    if (says("vfork")) answer_around_vfork(from, numbers[0]);
    if (!says("closed_at_once")) serve(numbers[0], numbers[0]);
    for (int i = 1; i < count; ++i) close(numbers[i]);
  }
}

static void take_and_serve(int from) {
  int fd;
  while (read(from, &fd, sizeof fd) == sizeof fd) {
    const int process = (int)syscall(SYS_pidfd_open, getppid(), 0);
    check(process >= 0, "pidfd_open");
    const int taken =
        says("taken") ? pidfd_getfd(process, fd, 0) : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    check(taken >= 0, "pidfd_getfd");
    close(process);
    serve(taken, taken);
  }
}

static void pass_on(int to, int fd) {
  if (says("midway") || says("answer_of_another")) read_request(fd);
  if (says("midway")) answer(fd);
  int numbers[kMostNumbers];
  const int count = says("many") ? kMostNumbers : says("truncated") ? 2 : 1;
  for (int i = 0; i < count; ++i) numbers[i] = fd;
  if (says("taken") || says("taken_raw")) {
    check(write(to, &fd, sizeof fd) == sizeof fd, "write");
    return;  // closed when this process ends: it must be there when it is taken
  }
  send_numbers(to, numbers, count);
  close(fd);
}

// This program again, on the connection that it inherits.
static void start_child_on(int fd, int as) {
  char number[16];
  snprintf(number, sizeof number, "%d", as);
  const pid_t child = fork();
  if (child == 0) {
    if (as == 0) check(dup2(fd, 0) == 0, "dup2");
    if (says("standard")) check(dup2(fd, 1) == 1, "dup2");
    if (as != 0 && as != fd) check(dup2(fd, as) == as, "dup2");
    if (as != fd) close(fd);
    execl(arguments[0], arguments[0], says("standard") ? "serve_standard" : "serve_number", number,
          "0", (char*)NULL);
    _exit(127);
  }
  close(fd);
  waitpid(child, NULL, 0);
}

int main(int count, char** values) {
  arguments = values;
  if (count != 4) return 2;
  const int number = atoi(values[2]);
  if (says("serve_standard")) return serve(0, 1), 0;
  if (says("serve_number")) return serve(number, number), 0;
  const int listener = listen_on(number);
  const int connections = atoi(values[3]);
  int pair[2] = {-1, -1};
  const int passes = !says("standard") && !says("input") && !says("inherited") && !says("high") &&
                     !says("raw_accept");
  if (passes) {
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    if (fork() == 0) {
      close(listener);
      close(pair[0]);
      if (says("taken") || says("taken_raw")) return take_and_serve(pair[1]), 0;
      return receive_and_serve(pair[1]), 0;
    }
    close(pair[1]);
  }
  if (says("listener")) send_numbers(pair[0], &listener, 1);
  for (int i = 0; i < connections && !says("listener"); ++i) {
    const int fd = says("raw_accept") ? (int)syscall(SYS_accept4, listener, NULL, NULL, 0)
                                      : accept(listener, NULL, NULL);
    check(fd >= 0, "accept");
    if (passes) pass_on(pair[0], fd);
    if (says("raw_accept")) serve(fd, fd);
    if (says("standard") || says("input")) start_child_on(fd, 0);
    if (says("inherited")) start_child_on(fd, fd);
    if (says("high")) start_child_on(fd, 900);
  }
  close(pair[0]);
  while (wait(NULL) > 0) {
  }
  return 0;
}
