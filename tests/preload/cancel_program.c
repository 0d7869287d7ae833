/* Cancels a thread in each blocking function that is wrapped, and goes on working.
 * Called by: conduct_test.py. Exits 0 if every thread ended as cancelled, its clean-up having run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* What fortified programs call; the compiler calls them only where it knows a size. */
ssize_t __read_chk(int, void*, size_t, size_t);
ssize_t __recv_chk(int, void*, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void*, size_t, size_t, int, struct sockaddr*, socklen_t*);
int __open_2(const char*, int);
int __open64_2(const char*, int);
int __openat_2(int, const char*, int);
int __openat64_2(int, const char*, int);
int fcntl64(int, int, ...);

static int empty[2], full[2], listener;
static int quiet[2], stuffed[2];    /* sockets: nothing comes, nothing more goes */
static struct sockaddr_un crowded;  /* where nobody accepts */
static char fifo[256], locked[256]; /* another has the lock of the second */
static char buffer[65536];
static int cleaned;

static void clean(void* unused) {
  (void)unused;
  ++cleaned;
}

static void block_in_read(void) {
  (void)!read(empty[0], buffer, 1);
}
static void block_in_readv(void) {
  struct iovec part = {buffer, 1};
  (void)!readv(empty[0], &part, 1);
}
static void block_in_write(void) {
  (void)!write(full[1], buffer, sizeof buffer);
}
static void block_in_writev(void) {
  struct iovec part = {buffer, sizeof buffer};
  (void)!writev(full[1], &part, 1);
}
static void block_in_open(void) {
  (void)!open(fifo, O_RDONLY);
}
static void block_in_accept(void) {
  (void)!accept(listener, NULL, NULL);
}
static void block_in_accept4(void) {
  (void)!accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}
static void block_in___read_chk(void) {
  (void)!__read_chk(empty[0], buffer, 1, sizeof buffer);
}
static void block_in_preadv2(void) {
  struct iovec part = {buffer, 1};
  (void)!preadv2(empty[0], &part, 1, -1, 0);
}
static void block_in_preadv64v2(void) {
  struct iovec part = {buffer, 1};
  (void)!preadv64v2(empty[0], &part, 1, -1, 0);
}
static void block_in_pwritev2(void) {
  struct iovec part = {buffer, sizeof buffer};
  (void)!pwritev2(full[1], &part, 1, -1, 0);
}
static void block_in_pwritev64v2(void) {
  struct iovec part = {buffer, sizeof buffer};
  (void)!pwritev64v2(full[1], &part, 1, -1, 0);
}
static void block_in_open64(void) {
  (void)!open64(fifo, O_RDONLY);
}
static void block_in_openat(void) {
  (void)!openat(AT_FDCWD, fifo, O_RDONLY);
}
static void block_in_openat64(void) {
  (void)!openat64(AT_FDCWD, fifo, O_RDONLY);
}
static void block_in___open_2(void) {
  (void)!__open_2(fifo, O_RDONLY);
}
static void block_in___open64_2(void) {
  (void)!__open64_2(fifo, O_RDONLY);
}
static void block_in___openat_2(void) {
  (void)!__openat_2(AT_FDCWD, fifo, O_RDONLY);
}
static void block_in___openat64_2(void) {
  (void)!__openat64_2(AT_FDCWD, fifo, O_RDONLY);
}
static void block_in_creat(void) {
  (void)!creat(fifo, 0600);
}
static void block_in_creat64(void) {
  (void)!creat64(fifo, 0600);
}
static void block_in_splice(void) {
  (void)!splice(empty[0], NULL, full[1], NULL, 1, 0);
}

static void block_in_recv(void) {
  (void)!recv(quiet[0], buffer, 1, 0);
}
static void block_in___recv_chk(void) {
  (void)!__recv_chk(quiet[0], buffer, 1, sizeof buffer, 0);
}
static void block_in___recvfrom_chk(void) {
  (void)!__recvfrom_chk(quiet[0], buffer, 1, sizeof buffer, 0, NULL, NULL);
}
static void block_in_recvfrom(void) {
  (void)!recvfrom(quiet[0], buffer, 1, 0, NULL, NULL);
}
static void block_in_recvmsg(void) {
  struct iovec part = {buffer, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  (void)!recvmsg(quiet[0], &message, 0);
}
static void block_in_recvmmsg(void) {
  struct iovec part = {buffer, 1};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  (void)!recvmmsg(quiet[0], &message, 1, 0, NULL);
}
static void block_in_send(void) {
  (void)!send(stuffed[0], buffer, sizeof buffer, 0);
}
static void block_in_sendto(void) {
  (void)!sendto(stuffed[0], buffer, sizeof buffer, 0, NULL, 0);
}
static void block_in_sendmsg(void) {
  struct iovec part = {buffer, sizeof buffer};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  (void)!sendmsg(stuffed[0], &message, 0);
}
static void block_in_sendmmsg(void) {
  struct iovec part = {buffer, sizeof buffer};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  (void)!sendmmsg(stuffed[0], &message, 1, 0);
}
static void block_in_connect(void) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  (void)!connect(fd, (struct sockaddr*)&crowded, sizeof crowded);
}

static void block_in_fclose(void) {
  FILE* const stream = fdopen(dup(full[1]), "w");
  (void)!fwrite(buffer, 1, 1000, stream);
  fclose(stream);
}
static void wait_for_lock(int (*control)(int, int, ...)) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  const int fd = open(locked, O_RDWR);
  (void)!control(fd, F_OFD_SETLKW, &whole);
}
static void block_in_fcntl(void) {
  wait_for_lock(fcntl);
}
static void block_in_fcntl64(void) {
  wait_for_lock(fcntl64);
}

static void (*const blockers[])(void) = {
    block_in_read,           block_in_readv,      block_in_write,        block_in_writev,
    block_in_open,           block_in_accept,     block_in_accept4,      block_in___read_chk,
    block_in_preadv2,        block_in_preadv64v2, block_in_pwritev2,     block_in_pwritev64v2,
    block_in_open64,         block_in_openat,     block_in_openat64,     block_in___open_2,
    block_in___open64_2,     block_in___openat_2, block_in___openat64_2, block_in_creat,
    block_in_creat64,        block_in_splice,     block_in_recv,         block_in___recv_chk,
    block_in___recvfrom_chk, block_in_recvfrom,   block_in_recvmsg,      block_in_recvmmsg,
    block_in_send,           block_in_sendto,     block_in_sendmsg,      block_in_sendmmsg,
    block_in_connect,        block_in_fclose,     block_in_fcntl,        block_in_fcntl64};

/* Whether the sockets are as their names say. */
static int prepare_sockets(const char* folder) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) != 0 ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, stuffed) != 0)
    return 0;
  while (send(stuffed[0], buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
  }
  const int unanswered = socket(AF_UNIX, SOCK_STREAM, 0);
  crowded.sun_family = AF_UNIX;
  snprintf(crowded.sun_path, sizeof crowded.sun_path, "%s/crowded", folder);
  if (bind(unanswered, (struct sockaddr*)&crowded, sizeof crowded) != 0 ||
      listen(unanswered, 0) != 0)
    return 0;
  for (;;) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr*)&crowded, sizeof crowded) != 0) return close(fd) == 0;
  }
}

static void* run(void* blocker) {
  pthread_cleanup_push(clean, NULL);
  (*(void (*const*)(void))blocker)();
  pthread_cleanup_pop(0);
  return NULL;
}

int main(int count, char** arguments) {
  if (count != 2 || pipe(empty) != 0 || pipe(full) != 0) return 2;
  snprintf(fifo, sizeof fifo, "%s/fifo", arguments[1]);
  if (mkfifo(fifo, 0600) != 0) return 2;
  snprintf(locked, sizeof locked, "%s/locked", arguments[1]);
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(open(locked, O_RDWR | O_CREAT, 0600), F_OFD_SETLK, &whole) != 0) return 2;
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (bind(listener, (struct sockaddr*)&address, sizeof address.sun_family) != 0 ||
      listen(listener, 1) != 0)
    return 2;
  fcntl(full[1], F_SETFL, O_NONBLOCK);
  while (write(full[1], buffer, sizeof buffer) > 0) {
  }
  fcntl(full[1], F_SETFL, 0);
  if (!prepare_sockets(arguments[1])) return 2;
  const int ways = (int)(sizeof blockers / sizeof *blockers);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < ways; ++i) {
      pthread_t thread;
      void* result = NULL;
      if (pthread_create(&thread, NULL, run, (void*)&blockers[i]) != 0) return 2;
      if (round % 2 == 1) usleep(2000);
      pthread_cancel(thread);
      pthread_join(thread, &result);
      if (result != PTHREAD_CANCELED || cleaned != round * ways + i + 1) {
        fprintf(stderr, "way %d of round %d\n", i, round);
        return 1;
      }
    }
  }
  unlink(fifo);
  return write(empty[1], "x", 1) == 1 && read(empty[0], buffer, 1) == 1 ? 0 : 1;
}
