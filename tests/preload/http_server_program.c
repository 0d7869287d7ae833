/* A small HTTP/1.1 server that reads and writes by the functions it is told to.
 * Called by: http_test.py, as http_server_program PORT READ WRITE [PIECE [CONDUCT]]. SIGTERM ends
 * it.
 *
 *   /length/N   N bytes with their length     /status/S   a bare status
 *   /chunked/N  N bytes in chunks             /upgrade    101, then bytes that look like HTTP
 *   /close/N    N bytes up to the close       others      200 of no bytes, after the request's body
 *
 * With PIECE, no call moves more than so many bytes. CONDUCT is one of
 *   handoff   one thread reads all requests and another writes all answers
 *   untimed   reading the time stamp counter kills this process
 *   caged     any system call but those of its own work kills this process
 *   crumbs    as duplex, and /crumbs/N is answered by a single call of N MiB in chunks of a byte
 *   duplex    one thread reads requests and does not wait for the other's answers
 *   spawn     a child made by vfork closes all descriptors before each answer
 *   fork      likewise one made by fork */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *read_by, *write_by;
static size_t piece = 1 << 20;
static int filler; /* a file of 'x' */

/* What came and is not used yet. */
static char input[1 << 16];
static size_t input_size;

static const char* conduct = "";

static int is_conduct(const char* word) {
  return strcmp(conduct, word) == 0;
}

/* One thread reads requests while the other may still be answering. */
static int is_duplex(void) {
  return is_conduct("duplex") || is_conduct("crumbs");
}

static ssize_t take(int fd, char* to, size_t room) {
  const size_t size = room < piece ? room : piece;
  struct iovec parts[2] = {{to, size / 2}, {to + size / 2, size - size / 2}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (!strcmp(read_by, "recv")) {
    char first;
    if (recv(fd, &first, 1, MSG_PEEK) != 1) return 0;
    return recv(fd, to, size, 0);
  }
  if (!strcmp(read_by, "recvfrom")) return recvfrom(fd, to, size, 0, NULL, NULL);
  if (!strcmp(read_by, "readv")) return readv(fd, parts, 2);
  if (!strcmp(read_by, "recvmsg")) return recvmsg(fd, &message, 0);
  return read(fd, to, size);
}

static ssize_t put(int fd, const char* from, size_t rest) {
  const size_t size = rest < piece ? rest : piece;
  char* const start = (char*)from;
  struct iovec parts[2] = {{start, size / 2}, {start + size / 2, size - size / 2}};
  struct mmsghdr several = {.msg_hdr = {.msg_iov = parts, .msg_iovlen = 2}};
  if (!strcmp(write_by, "send")) return send(fd, from, size, 0);
  if (!strcmp(write_by, "sendto")) return sendto(fd, from, size, 0, NULL, 0);
  if (!strcmp(write_by, "writev")) return writev(fd, parts, 2);
  if (!strcmp(write_by, "sendmsg")) return sendmsg(fd, &several.msg_hdr, 0);
  if (!strcmp(write_by, "sendmmsg"))
    return sendmmsg(fd, &several, 1, 0) == 1 ? (ssize_t)several.msg_len : -1;
  return write(fd, from, size);
}

static void put_all(int fd, const char* from, size_t size) {
  while (size != 0) {
    const ssize_t done = put(fd, from, size);
    if (done <= 0) return;
    from += done;
    size -= (size_t)done;
  }
}

static void put_text(int fd, const char* text) {
  put_all(fd, text, strlen(text));
}

static void put_filler(int fd, size_t size) {
  static char xs[1 << 16];
  if (xs[0] == 0) memset(xs, 'x', sizeof xs);
  if (strcmp(write_by, "sendfile") != 0) return put_all(fd, xs, size);
  off_t at = 0;
  while (size != 0) {
    const ssize_t done = sendfile(fd, filler, &at, size < piece ? size : piece);
    if (done <= 0) return;
    size -= (size_t)done;
  }
}

static void put_chunks(int fd, size_t size) {
  for (size_t part; size != 0; size -= part) {
    char line[32];
    part = size < 1000 ? size : 1000;
    snprintf(line, sizeof line, "%zx\r\n", part);
    put_text(fd, line);
    put_filler(fd, part);
    put_text(fd, "\r\n");
  }
  put_text(fd, "0\r\n\r\n");
}

/* Whether the connection goes on. */
static int answer(int fd, const char* method, const char* target, int stays) {
  char head[256];
  const char* const last = strrchr(target, '/') + 1;
  const size_t number = strtoul(last, NULL, 10);
  const char* const connection = stays ? "" : "Connection: close\r\n";
  if (!strncmp(target, "/status/", 8)) {
    snprintf(head, sizeof head, "HTTP/1.1 %zu Told\r\n%s%s\r\n", number, connection,
             number == 204 || number == 304 ? "" : "Content-Length: 0\r\n");
    put_text(fd, head);
    return stays;
  }
  if (!strncmp(target, "/chunked/", 9)) {
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n",
             connection);
    put_text(fd, head);
    put_chunks(fd, number);
    return stays;
  }
  if (!strncmp(target, "/close/", 7)) {
    put_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    put_filler(fd, number);
    return 0;
  }
  if (!strcmp(target, "/upgrade")) {
    put_text(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
    put_text(fd, "GET / HTTP/1.1\r\n\r\n");
    return 0;
  }
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", connection,
           number);
  put_text(fd, head);
  if (strcmp(method, "HEAD") != 0) put_filler(fd, number);
  return stays;
}

/* The answering thread's work, one piece at a time. */
static struct {
  int fd;
  const char *method, *target;
  int stays;
} work;
static sem_t work_ready, work_done;

/* Whoever follows this answer reads N MiB behind the call that wrote it. */
static void put_crumbs(int fd, size_t megabytes) {
  enum { kParts = 1 << 20 };
  static char crumbs[kParts];
  for (int i = 0; i < kParts; i += 8) memcpy(crumbs + i, "1;x\r\nx\r\n", 8);
  struct iovec parts[256];
  for (size_t i = 0; i < megabytes; ++i) parts[i] = (struct iovec){crumbs, sizeof crumbs};
  put_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  (void)!writev(fd, parts, (int)megabytes);
  put_text(fd, "0\r\n\r\n");
}

static void* answer_for_ever(void* unused) {
  (void)unused;
  for (;;) {
    sem_wait(&work_ready);
    if (is_conduct("crumbs") && !strncmp(work.target, "/crumbs/", 8)) {
      put_crumbs(work.fd, strtoul(work.target + 8, NULL, 10));
      continue;
    }
    if (is_duplex()) {
      put_text(work.fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx");
      continue;
    }
    work.stays = answer(work.fd, work.method, work.target, work.stays);
    sem_post(&work_done);
  }
  return NULL;
}

static void spawn(void) {
  const pid_t child = is_conduct("spawn") ? vfork() : fork();
  if (child == 0) {
    for (int fd = 3; fd < 20; ++fd) close(fd);
    execl("/bin/true", "true", NULL);
    _exit(127);
  }
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) exit(3);
}

static int answer_somewhere(int fd, const char* method, const char* target, int stays) {
  if (is_conduct("spawn") || is_conduct("fork")) spawn();
  if (is_duplex()) {
    static char target_now[128];
    strcpy(target_now, target);
    work.fd = fd;
    work.target = target_now;
    return sem_post(&work_ready) == 0;
  }
  if (!is_conduct("handoff")) return answer(fd, method, target, stays);
  work.fd = fd;
  work.method = method;
  work.target = target;
  work.stays = stays;
  sem_post(&work_ready);
  sem_wait(&work_done);
  return work.stays;
}

static int fill(int fd) {
  const ssize_t came = take(fd, input + input_size, sizeof input - 1 - input_size);
  if (came <= 0) return 0;
  input_size += (size_t)came;
  input[input_size] = '\0';
  return 1;
}

static void drop_input(size_t size) {
  input_size -= size;
  memmove(input, input + size, input_size + 1);
}

/* One request with its body; whether another may follow. */
static int serve_one(int fd) {
  char method[32], target[128];
  char* end;
  while ((end = strstr(input, "\r\n\r\n")) == NULL) {
    if (!fill(fd)) return 0;
  }
  end[2] = '\0';
  if (sscanf(input, "%31s %127s", method, target) != 2) return 0;
  const char* const length = strcasestr(input, "\r\nContent-Length: ");
  size_t body = length == NULL ? 0 : strtoul(length + 18, NULL, 10);
  const int stays = strstr(input, "Connection: close") == NULL;
  const int expects = strstr(input, "100-continue") != NULL;
  drop_input((size_t)(end - input) + 4);
  if (expects) put_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
  while (body != 0) {
    if (input_size == 0 && !fill(fd)) return 0;
    const size_t part = body < input_size ? body : input_size;
    drop_input(part);
    body -= part;
  }
  return answer_somewhere(fd, method, target, stays);
}

/* Past the library, which would otherwise know that a filter is set. */
static int cage_itself(void) {
#if defined(__x86_64__)
  static const unsigned short allowed[] = {SYS_read,       SYS_write,       SYS_accept,
                                           SYS_recvfrom,   SYS_shutdown,    SYS_close,
                                           SYS_exit_group, SYS_rt_sigreturn};
  enum { kAllowed = sizeof allowed / sizeof *allowed };
  struct sock_filter filter[2 * kAllowed + 2] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  int size = 1;
  for (int i = 0; i < kAllowed; ++i) {
    filter[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
    filter[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  filter[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  const struct sock_fprog program = {(unsigned short)size, filter};
  long result = SYS_seccomp;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(SECCOMP_SET_MODE_FILTER), "S"(0), "d"(&program)
                   : "rcx", "r11", "memory");
  return result == 0;
#else
  return 0;
#endif
}

static void stop(int signal_number) {
  (void)signal_number;
  _exit(0);
}

int main(int count, char** arguments) {
  if (count < 4) return 2;
  read_by = arguments[2];
  write_by = arguments[3];
  if (count > 4) piece = strtoul(arguments[4], NULL, 10);
  if (count > 5) conduct = arguments[5];
  if (is_conduct("untimed") && prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0) return 4;
  signal(SIGTERM, stop);
  signal(SIGPIPE, SIG_IGN);
  filler = memfd_create("filler", 0);
  for (int i = 0; i < 64; ++i) {
    char xs[1024];
    memset(xs, 'x', sizeof xs);
    if (write(filler, xs, sizeof xs) != sizeof xs) return 2;
  }
  pthread_t thread;
  sem_init(&work_ready, 0, 0);
  sem_init(&work_done, 0, 0);
  if ((is_conduct("handoff") || is_duplex()) &&
      pthread_create(&thread, NULL, answer_for_ever, NULL) != 0)
    return 2;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(arguments[1])),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 64) != 0)
    return 2;
  if (is_conduct("caged") && !cage_itself()) return 5;
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    if (fd < 0) return 1;
    if (is_duplex()) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    input_size = 0;
    input[0] = '\0';
    while (serve_one(fd)) {
    }
    shutdown(fd, SHUT_WR);
    char rest[256];
    while (recv(fd, rest, sizeof rest, 0) > 0) {
    }
    close(fd);
  }
}
